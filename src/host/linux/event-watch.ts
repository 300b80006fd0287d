// SPDX-License-Identifier: MIT
/**
 * host/linux/event-watch — call me when this bell has been rung, on this thread's event loop.
 *
 * It is a stream of Node's own over the pipe that a bell is. That is as fast as anything, and the only way that a thread survives
 * that is ended while its bell is rung (see readiness.ts).
 *
 * A bell that several threads of a process watch is drained by one of them, and the others may not be called. So whoever is called
 * acts for all of them.
 */

import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { closeDescriptor, duplicate } from './descriptors.js';
import { drain } from './event-descriptor.js';

export class EventWatch {
  readonly #stream: Socket;

  /**
   * @param onRung called after the rings, of which there may have been many, have been drained. What it throws is an uncaught exception
   * @param options `ref: false`: does not keep the event loop going
   * @throws EBADF · ENFILE · ENOTSUP no koffi
   */
  constructor(fd: number, onRung: () => void, { ref = true }: { readonly ref?: boolean } = {}) {
    const copy = duplicate(fd);
    const callback = (): boolean => {
      onRung();
      return true;
    };
    const options: SocketConstructorOpts & ConnectOpts = {
      fd: copy,
      readable: true,
      writable: false,
      onread: { buffer: drain, callback },
    };
    try {
      this.#stream = new Socket(options);
    } catch (error) {
      closeDescriptor(copy);
      throw error;
    }
    if (!ref) this.unref();
  }

  /** Keeps the event loop going. */
  ref(): void {
    this.#stream.ref();
  }

  /** Does not keep the event loop going. */
  unref(): void {
    this.#stream.unref();
  }

  /** Calls no more. May be called again, and in the callback. */
  close(): void {
    this.#stream.destroy();
  }
}
