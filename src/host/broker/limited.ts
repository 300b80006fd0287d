// SPDX-License-Identifier: MIT
/**
 * broker/limited — a promise that ends in time, whatever the other side does. While it is pending it keeps the process alive.
 */

import type { Abortable } from '../../agent/index.js';
import { fail } from '../../errors.js';

/** Beyond what a timer counts: for ever. */
const FOREVER = 0x7fff_ffff;

/** How long to wait. Milliseconds; absent: for ever. */
export interface Limits {
  readonly timeout?: number | undefined;
  readonly signal?: Abortable | undefined;
}

export interface Ending<T> {
  /** @returns false: it has ended before, and takes nothing any more */
  resolve(value: T): boolean;
  reject(error: unknown): void;
}

/**
 * `begin` is told how to end it, and returns what is to be undone at the end, whichever it is.
 * @throws ETIMEDOUT · the signal's reason
 */
export function limited<T>(
  op: string,
  { timeout = Infinity, signal }: Limits,
  begin: (ending: Ending<T>) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let over = false;
    let undo: (() => void) | null = null;
    const end = (act: () => void): boolean => {
      if (over) return false;
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      act();
      undo?.();
      return true;
    };
    const abort = (): void => void end(() => reject(signal?.reason));
    const timer = setTimeout(
      () => timeout < FOREVER && end(() => reject(fail('ETIMEDOUT', op, { timeout }))),
      Math.min(timeout, FOREVER),
    );
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) abort();
    else {
      undo = begin({
        resolve: (value) => end(() => resolve(value)),
        reject: (error) => void end(() => reject(error)),
      });
      if (over) undo();
    }
  });
}
