// SPDX-License-Identifier: MIT
/**
 * A real thread or process that plays one scene of a script in workers/, and talks with the test about it. Words that it says before
 * the test listens are kept; a scene that fails, or ends without the word that the test waits for, fails the test.
 */
import type { Domain, Json, Member, Share } from 'dmabuf';
import { HOST } from './host.js';
import { type Line, lineTo, type Said } from './line.js';
import { untilBlocked } from './turns.js';

/** What a scene may be given. A share is JSON, although an interface has no index signature to prove it. */
export type SceneData = { readonly [key: string]: Json | Share | readonly Share[] };

/** How an agent may be killed. The first is what it has no part in, and needs no event loop of its own. */
export const WAYS = [
  HOST === 'process' ? 'SIGKILL' : 'terminate',
  'process.exit',
  'throw',
] as const;
export type Way = (typeof WAYS)[number];
export const [KILL] = WAYS;

let serial = 0;

export class Actor {
  readonly #said: Said[] = [];
  readonly #errors: unknown[] = [];
  readonly #line: Line;
  /** Like `gone` of the member; and all that it has said is here. */
  readonly #gone: Promise<{ readonly clean: boolean; readonly reason: string }>;
  #listener: (() => void) | null = null;
  #over = false;

  private constructor(
    readonly domain: Domain,
    readonly member: Member,
  ) {
    this.#line = lineTo(member, {
      said: (said) => {
        this.#said.push(said);
        this.#listener?.();
      },
      failed: (error) => void this.#errors.push(error),
    });
    this.#gone = this.#end();
  }

  async #end(): Promise<{ readonly clean: boolean; readonly reason: string }> {
    const departure = await this.member.gone;
    await this.#line.closed;
    this.#over = true;
    this.#listener?.();
    return departure;
  }

  /** Starts `script`, which plays its scene at once. */
  static async start(
    domain: Domain,
    script: string,
    scene: string,
    data: SceneData = {},
  ): Promise<Actor> {
    const url = new URL(`../workers/${script}`, import.meta.url);
    const name = `${scene} ${++serial}`;
    const options = { as: HOST, name, data: { ...data, scene } as Json };
    const actor = new Actor(domain, await domain.spawn(url, options));
    actor.tell('go');
    return actor;
  }

  get name(): string {
    return this.member.name;
  }

  /** What it threw, if it threw. */
  get error(): unknown {
    return this.#errors[0];
  }

  tell(message: unknown): void {
    this.#line.send(message);
  }

  /** The payload of the next thing it says, which must be `word`. */
  async hear(word: string): Promise<unknown> {
    while (this.#said.length === 0) {
      if (this.#over) throw this.#failure(`is gone, and never said ${word}`);
      await new Promise<void>((resolve) => {
        this.#listener = resolve;
      });
    }
    const said = this.#said.shift();
    if (said?.word !== word) throw this.#failure(`said ${said?.word}, not ${word}`);
    return said.payload;
  }

  /** Until it waits: blocked, or with its pending wait parked. */
  async waits(sync: boolean): Promise<void> {
    await this.hear('waiting');
    if (sync) await untilBlocked(this.domain, this.name);
  }

  /** Until the scene is over. @throws what the scene threw */
  async finished(): Promise<void> {
    const { clean, reason } = await this.#gone;
    if (this.#errors.length > 0 || !clean) throw this.#failure(`ended: ${reason}`);
  }

  /** Dies in this way, and everything it had is taken care of. */
  async die(way: Way = KILL): Promise<{ readonly clean: boolean; readonly reason: string }> {
    if (way === 'terminate') await this.member.kill();
    else if (way === 'SIGKILL') process.kill(this.member.id, 'SIGKILL');
    else this.tell(way);
    return this.#gone;
  }

  #failure(what: string): Error {
    return new Error(`${this.name} ${what}`, { cause: this.error });
  }
}
