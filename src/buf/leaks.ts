// SPDX-License-Identifier: MIT
/**
 * buf/leaks — handles that were garbage-collected while they were open.
 *
 * Watching a handle costs more than making it, and most handles live shorter than one turn of the event loop. So a new handle
 * is only noted down; it is watched when it is still open at the end of the turn, or when many have been noted down.
 */

import type { Platform } from '../agent/index.js';

/** A handle that nobody closed and nobody can close any more. */
export interface Leak {
  readonly kind: string;
  readonly id: number;
  /** Where it was made; debug only. */
  readonly stack?: string;
}

/** What is left of a handle: what there is to know, and to do, without it. Must not refer to the handle. */
export interface Remains {
  readonly kind: string;
  readonly id: number;
  /** Gives back what the handle held. */
  release(): void;
}

/** A handle as its watcher sees it. */
export interface Watchable {
  readonly closed: boolean;
  /** Set while it is watched; then `unwatch` has to be called when it closes. */
  watched: Remains | null;
  remains(): Remains;
}

/** Handles noted down at which the open ones are watched at once, so that closed ones can be collected. */
const MANY = 512;

export class Leaks {
  readonly #registry = new FinalizationRegistry<Remains>((remains) => this.#leaked(remains));
  readonly #watched = new Map<Remains, string | undefined>();
  #noted: Watchable[] = [];
  /** Beside `#noted`, when stacks are kept. */
  #stacks: (string | undefined)[] = [];

  constructor(
    readonly platform: Pick<Platform, 'soon'>,
    readonly onLeak: (leak: Leak) => void,
    /** Keep creation stacks. */
    readonly stacks = false,
  ) {}

  /** A handle was made. */
  track(handle: Watchable): void {
    if (this.stacks) this.#stacks.push(new Error('opened here').stack);
    const noted = this.#noted.push(handle);
    if (noted === 1) this.platform.soon(() => this.settle());
    else if (noted >= MANY) this.settle();
  }

  /** A watched handle was closed. */
  unwatch(handle: Watchable): void {
    if (handle.watched === null) return;
    this.#watched.delete(handle.watched);
    this.#registry.unregister(handle.watched);
    handle.watched = null;
  }

  /** Watches what is still open. */
  settle(): void {
    const [noted, stacks] = [this.#noted, this.#stacks];
    this.#noted = [];
    this.#stacks = [];
    for (const [index, handle] of noted.entries()) {
      if (handle.closed) continue;
      const remains = handle.remains();
      handle.watched = remains;
      this.#watched.set(remains, stacks[index]);
      this.#registry.register(handle, remains, remains);
    }
  }

  #leaked(remains: Remains): void {
    const { kind, id } = remains;
    const stack = this.#watched.get(remains);
    this.#watched.delete(remains);
    this.#registry.unregister(remains);
    remains.release();
    this.onLeak(stack === undefined ? { kind, id } : { kind, id, stack });
  }

  /** This agent leaves: what is open is released and reported. */
  close(): void {
    this.settle();
    for (const remains of this.#watched.keys()) this.#leaked(remains);
  }
}
