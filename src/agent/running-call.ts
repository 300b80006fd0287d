// SPDX-License-Identifier: MIT
/**
 * agent/running-call — a call of another agent while it runs here: what its handler sees, and the signal that ends it early.
 */

import type { Message } from './call-rows.js';
import type { Abortable } from './ports.js';

export class Running<B> implements Abortable {
  aborted = false;
  /** Nobody sees it: the call that it ends has no caller any more. */
  readonly reason = undefined;
  #listener: (() => void) | null = null;

  constructor(
    /** Tag of the agent that calls. */
    readonly caller: number,
    readonly message: Message,
    /** What came along; null = nothing. */
    readonly lock: B | null,
  ) {}

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = null;
  }

  /** The caller does not wait any more: what waits here for it ends. */
  abandon(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.#listener?.();
  }
}
