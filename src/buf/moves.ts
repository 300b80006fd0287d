// SPDX-License-Identifier: MIT
/**
 * buf/moves — who is told that a buffer has moved.
 *
 * What was mapped is stale by the buffer's generation word alone: at once, in every agent, and whoever is busy. Telling comes after
 * that. Importers of the exporter's own agent are called under its lock; other agents that have attached get a note, look for
 * what has moved when they come to it, and call their importers then. Nobody is waited for (D-10).
 *
 * Invariants  An importer is called at most once per move, and for the last of several moves at least: `told` is the generation
 *             that it has been told of, or was attached at.
 */

import type { Attached } from './attached.js';
import type { Buffers } from './buffers.js';

export class Moves {
  /** Attachments of this agent that are on a list, and whose importers want to be told. */
  readonly #followers = new Set<Attached>();

  constructor(readonly buffers: Buffers) {}

  /** With the lock held: it is on the list now. */
  follow(attached: Attached): void {
    if (attached.notify === null) return;
    attached.told = this.#generation(attached);
    this.#followers.add(attached);
  }

  /** With the lock held: it is not on the list any more. */
  unfollow(attached: Attached): void {
    this.#followers.delete(attached);
  }

  #generation({ reference: { row } }: Attached): number {
    return this.buffers.rows.word(row, 'moveGen');
  }

  /**
   * In the exporter's agent, with the lock held, after the generation has changed: to tell a guest is to send his agent a note.
   * @param listed  all that are on the list, in its order.
   * @returns what importers threw: all were called.
   */
  tell(listed: readonly Attached[]): unknown[] {
    return listed.flatMap((attached) => this.#call(attached));
  }

  /** This agent was sent a note: what it follows may have moved. */
  look(): void {
    for (const attached of this.#followers) {
      for (const error of this.#call(attached)) this.buffers.report(error);
    }
  }

  /** @returns what it threw */
  #call(attached: Attached): unknown[] {
    const generation = this.#generation(attached);
    if (attached.notify === null || attached.told === generation) return [];
    attached.told = generation;
    try {
      this.buffers.agent.callBack(attached.notify);
      return [];
    } catch (error) {
      return [error];
    }
  }
}
