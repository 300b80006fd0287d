// SPDX-License-Identifier: MIT
/**
 * buf/pin — memory that does not move for now.
 */

import { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import { shownHold, withLock } from './hold.js';

const UNPOSTED = Symbol('a Pin cannot be posted: pin on the side that needs it');

/** @internal */
export let makePin: (attached: Attached, shown: HeldLock) => Pin;

/** It must not move until unpin. For scan-out-like use. @source dma_buf_pin */
export class Pin implements Disposable {
  readonly #attached: Attached;
  /** The lock that it was pinned under. */
  readonly #shown: HeldLock;
  /** @internal */
  readonly unposted = UNPOSTED;

  static {
    makePin = (attached, shown) => new Pin(attached, shown);
  }

  private constructor(attached: Attached, shown: HeldLock) {
    this.#attached = attached;
    this.#shown = shown;
    attached.addPin(this);
  }

  /** Twice is harmless. @throws ENOLCK @source dma_buf_unpin */
  unpin(lock: HeldLock): void {
    HeldLock.require('Pin.unpin', lock, this.#attached.reference.resv);
    this.#unpin(lock);
  }

  #unpin(lock: HeldLock): void {
    const attached = this.#attached;
    if (!attached.removePin(this)) return;
    attached.port.unpin(attached, shownHold(attached.buffers, lock));
  }

  /** While the lock that it was pinned under is held: at once. Else when the lock is next free. */
  [Symbol.dispose](): void {
    const { buffers, reference, pins } = this.#attached;
    if (!pins.has(this)) return;
    if (this.#shown.held) {
      this.#unpin(this.#shown);
      return;
    }
    void buffers.background(withLock(buffers, reference.resv, (lock) => this.#unpin(lock)));
  }
}
