// SPDX-License-Identifier: MIT
/**
 * broker/newcomers — connections of which nobody knows yet what they want: a limited number, for a limited time.
 *
 * Whoever may reach the socket can open connections and say nothing. The oldest of too many is cut first, so that a flood cannot keep
 * out who speaks at once.
 */

import type { Timer } from '../../agent/index.js';
import { type DmaBufError, fail } from '../../errors.js';
import type { After, Connection } from './connection.js';

const MOST = 64;
/** Milliseconds to say what one wants. */
const PATIENCE = 2000;

export class Newcomers {
  readonly #after: After;
  readonly #cut: (connection: Connection, why: DmaBufError) => void;
  /** Oldest first. */
  readonly #waiting = new Map<Connection, Timer>();

  /** `cut` is to refuse one. */
  constructor(after: After, cut: (connection: Connection, why: DmaBufError) => void) {
    this.#after = after;
    this.#cut = cut;
  }

  add(connection: Connection): void {
    if (this.#waiting.size >= MOST) this.cutOldest('too many connections say nothing');
    const timer = this.#after(PATIENCE, () =>
      this.#refuse(connection, `it said nothing for ${PATIENCE} ms`),
    );
    this.#waiting.set(connection, timer);
  }

  cutOldest(why: string): void {
    for (const oldest of this.#waiting.keys()) {
      this.#refuse(oldest, why);
      return;
    }
  }

  #refuse(connection: Connection, why: string): void {
    this.forget(connection);
    this.#cut(connection, fail('ETIMEDOUT', 'broker', {}, { why }));
  }

  /** It is none any more. */
  forget(connection: Connection): void {
    this.#waiting.get(connection)?.cancel();
    this.#waiting.delete(connection);
  }

  close(): void {
    for (const [connection, timer] of this.#waiting) {
      timer.cancel();
      connection.close();
    }
    this.#waiting.clear();
  }
}
