// SPDX-License-Identifier: MIT
/**
 * buf/pin — memory that does not move for now.
 */

import type { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import { ShownHold, withLock } from './hold.js';

const UNPOSTED = Symbol('a Pin cannot be posted: pin on the side that needs it');

/** @internal */
export let makePin: (attached: Attached) => Pin;

/** It must not move until unpin. For scan-out-like use. @source dma_buf_pin */
export class Pin implements Disposable {
  readonly #attached: Attached;
  /** @internal */
  readonly unposted = UNPOSTED;

  static {
    makePin = (attached) => new Pin(attached);
  }

  private constructor(attached: Attached) {
    this.#attached = attached;
    attached.addPin(this);
  }

  /** Twice is harmless. @throws ENOLCK @source dma_buf_unpin */
  unpin(lock: HeldLock): void {
    lock.require('Pin.unpin', this.#attached.reference.resv);
    this.#unpin(lock);
  }

  #unpin(lock: HeldLock): void {
    const attached = this.#attached;
    if (!attached.removePin(this)) return;
    attached.port.unpin(attached, new ShownHold(attached.buffers, lock));
  }

  /** When the lock is next free. */
  [Symbol.dispose](): void {
    const { buffers, reference, pins } = this.#attached;
    if (!pins.has(this)) return;
    void buffers.background(withLock(buffers, reference.resv, (lock) => this.#unpin(lock)));
  }
}
