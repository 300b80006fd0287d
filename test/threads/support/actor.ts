// SPDX-License-Identifier: MIT
/**
 * A real thread that plays one scene of a script in workers/, and talks with the test about it. Words that it says before the
 * test listens are kept; a scene that fails, or ends without the word that the test waits for, fails the test.
 */
import type { Worker } from 'node:worker_threads';
import type { Domain, Json, Member, Share } from 'dmabuf';
import { untilBlocked } from './turns.js';

/** What a scene may be given. A share is JSON, although an interface has no index signature to prove it. */
export type SceneData = { readonly [key: string]: Json | Share | readonly Share[] };

interface Said {
  readonly word: string;
  readonly payload: unknown;
}

/** How a thread may be killed. */
export const WAYS = ['terminate', 'process.exit', 'throw'] as const;
export type Way = (typeof WAYS)[number];

let serial = 0;

export class Actor {
  readonly #said: Said[] = [];
  readonly #errors: unknown[] = [];
  #listener: (() => void) | null = null;
  #over = false;

  private constructor(
    readonly domain: Domain,
    readonly member: Member,
  ) {
    const worker = this.worker;
    worker.on('message', (said: Said) => {
      this.#said.push(said);
      this.#listener?.();
    });
    worker.on('error', (error) => this.#errors.push(error));
    void member.gone.then(() => {
      this.#over = true;
      this.#listener?.();
    });
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
    const member = await domain.spawn(url, { name, data: { ...data, scene } as Json });
    const actor = new Actor(domain, member);
    actor.tell('go');
    return actor;
  }

  get name(): string {
    return this.member.name;
  }

  get worker(): Worker {
    return this.member.host as Worker;
  }

  /** What it threw, if it threw. */
  get error(): unknown {
    return this.#errors[0];
  }

  tell(message: unknown): void {
    this.worker.postMessage(message);
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
    const { clean, reason } = await this.member.gone;
    if (this.#errors.length > 0 || !clean) throw this.#failure(`ended: ${reason}`);
  }

  /** Dies in this way, and everything it had is taken care of. */
  async die(way: Way): Promise<{ readonly clean: boolean; readonly reason: string }> {
    if (way === 'terminate') await this.member.kill();
    else this.tell(way);
    return this.member.gone;
  }

  #failure(what: string): Error {
    return new Error(`${this.name} ${what}`, { cause: this.error });
  }
}
