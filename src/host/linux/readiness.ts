// SPDX-License-Identifier: MIT
/**
 * host/linux/readiness — call me when this descriptor can be read, on this thread's event loop (koffi.node.poll).
 *
 * What is polled has sharp edges, which end here:
 *  - a handle that nobody holds is collected, and silently polls no more: those that are open stand in a set;
 *  - polling one descriptor twice ends the process: each polls a copy of its own;
 *  - using a handle after its end is a segmentation fault: nothing is done after `close`;
 *  - an exception of the callback would come out of some later, innocent call: it is thrown from the event loop instead.
 *
 * It goes on for as long as the descriptor is readable, so the callback reads until there is no more, and closes what has ended.
 * After an error of the descriptor it is called no more: one that learns `closed` reads what is left, to the end.
 */

import { closeDescriptor, duplicate } from './descriptors.js';
import { type PollHandle, poll } from './library.js';

const open = new Set<Readiness>();

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

export class Readiness {
  readonly #copy: number;
  readonly #handle: PollHandle;
  readonly #onReadable: (closed: boolean) => void;

  /**
   * @param onReadable `closed`: the other side has closed, or the descriptor is broken; there may be something to read all the same
   * @param options `ref: false`: does not keep the event loop going
   * @throws EBADF · ENFILE · ENOTSUP no koffi · whatever cannot be polled
   */
  constructor(
    fd: number,
    onReadable: (closed: boolean) => void,
    { ref = true }: { readonly ref?: boolean } = {},
  ) {
    this.#onReadable = onReadable;
    this.#copy = duplicate(fd);
    try {
      this.#handle = poll(this.#copy, (status, { disconnect }) => {
        this.#call(status < 0 || disconnect);
      });
    } catch (error) {
      closeDescriptor(this.#copy);
      throw error;
    }
    if (!ref) this.#handle.unref();
    open.add(this);
  }

  #call(closed: boolean): void {
    if (!open.has(this)) return;
    try {
      this.#onReadable(closed);
    } catch (error) {
      throwLater(error);
    }
  }

  /** Keeps the event loop going. */
  ref(): void {
    if (open.has(this)) this.#handle.ref();
  }

  /** Does not keep the event loop going. */
  unref(): void {
    if (open.has(this)) this.#handle.unref();
  }

  /** Calls no more. May be called again, and in the callback. */
  close(): void {
    if (!open.delete(this)) return;
    this.#handle.close();
    closeDescriptor(this.#copy);
  }
}
