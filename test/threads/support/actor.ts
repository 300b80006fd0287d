// SPDX-License-Identifier: MIT
/** A real thread or process that the domain has spawned, and that plays one scene of a script in workers/. */
import type { Domain, Json, Member, Share } from 'dmabuf';
import { HOST } from './host.js';
import { lineTo } from './line.js';
import { Player } from './player.js';
import { untilBlocked } from './turns.js';

/** What a scene may be given. A share is JSON, although an interface has no index signature to prove it. */
export type SceneData = { readonly [key: string]: Json | Share | readonly Share[] };

/** How an agent may be killed. The first needs nothing of it, not even that it runs. */
export const WAYS = [
  HOST === 'process' ? 'SIGKILL' : 'terminate',
  'process.exit',
  'throw',
] as const;
export type Way = (typeof WAYS)[number];
export const [KILL] = WAYS;

let serial = 0;

export class Actor extends Player<{ readonly clean: boolean; readonly reason: string }> {
  private constructor(
    readonly domain: Domain,
    readonly member: Member,
  ) {
    super(member.name, (listener) => lineTo(member, listener), member.gone);
  }

  /** Starts `script`, which plays its scene at once. */
  static async start(
    domain: Domain,
    script: string | URL,
    scene: string,
    data: SceneData = {},
    as = HOST,
  ): Promise<Actor> {
    const url = new URL(script, new URL('../workers/', import.meta.url));
    const name = `${scene} ${++serial}`;
    const options = { as, name, data: { ...data, scene } as Json };
    const actor = new Actor(domain, await domain.spawn(url, options));
    actor.tell('go');
    return actor;
  }

  /** Until it waits: blocked, or with its pending wait parked. */
  async waits(sync: boolean): Promise<void> {
    await this.hear('waiting');
    if (sync) await untilBlocked(this.domain, this.name);
  }

  /** Until the scene is over. @throws what the scene threw */
  async finished(): Promise<void> {
    const { clean, reason } = await this.gone;
    if (this.error !== undefined || !clean) throw this.failure(`ended: ${reason}`);
  }

  /** Dies in this way, and everything it had is taken care of. */
  async die(way: Way = KILL): Promise<{ readonly clean: boolean; readonly reason: string }> {
    if (way === 'terminate') await this.member.kill();
    else if (way === 'SIGKILL') process.kill(this.member.id, 'SIGKILL');
    else this.tell(way);
    return this.gone;
  }
}
