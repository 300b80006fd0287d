// SPDX-License-Identifier: MIT
/**
 * broker/parcel — descriptors that came with a message. Who wants one takes it, and then has to close it; the rest is closed when the
 * parcel is, whatever happened in between.
 */

import { closeAll } from '../linux/descriptors.js';

export class Parcel implements Disposable {
  readonly #descriptors: number[];

  constructor(descriptors: readonly number[]) {
    this.#descriptors = [...descriptors];
  }

  /** The next one, still the parcel's. */
  get next(): number {
    const [first] = this.#descriptors;
    if (first === undefined) throw new RangeError('an empty parcel');
    return first;
  }

  /** The next one, from now on the caller's. */
  take(): number {
    const { next } = this;
    this.#descriptors.shift();
    return next;
  }

  [Symbol.dispose](): void {
    closeAll(this.#descriptors.splice(0));
  }
}
