// SPDX-License-Identifier: MIT
/**
 * prime/errand — what one call of a client has under way: what it holds, and what has to be undone if it fails.
 *
 * All of it is given back in reverse, once the call is over and every callback of the driver with it that its caller did not wait for.
 */

import type { Operation } from '../agent/index.js';

/** Whose call it is. */
interface Employer {
  /** Errands that are not over. */
  calls: number;
  /** One errand less: who waits for that looks again. */
  called(): void;
  report(error: unknown): void;
}

export class Errand {
  readonly #ends: { readonly run: () => void; readonly onlyFailed: boolean }[] = [];
  #running = 1;
  #failed = false;

  constructor(readonly of: Employer) {
    of.calls++;
  }

  /** To be done at the end, however it ends. */
  always(run: () => void): void {
    this.#ends.push({ run, onlyFailed: false });
  }

  /** To be done at the end, if the call fails. */
  undo(run: () => void): void {
    this.#ends.push({ run, onlyFailed: true });
  }

  /** A callback goes on without the caller. @returns to be called when it has ended */
  outlive(): () => void {
    this.#running++;
    return () => this.#ended();
  }

  /** The call is over. */
  end(failed: boolean): void {
    this.#failed = failed;
    this.#ended();
  }

  #ended(): void {
    if (--this.#running > 0) return;
    for (const { run, onlyFailed } of this.#ends.toReversed()) {
      if (onlyFailed && !this.#failed) continue;
      try {
        run();
      } catch (error) {
        this.of.report(error);
      }
    }
    this.of.calls--;
    this.of.called();
  }
}

/** Runs `work` as an errand. */
export function* onErrand<T>(of: Employer, work: (errand: Errand) => Operation<T>): Operation<T> {
  const errand = new Errand(of);
  let failed = true;
  try {
    const result = yield* work(errand);
    failed = false;
    return result;
  } finally {
    errand.end(failed);
  }
}
