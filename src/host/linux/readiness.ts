// SPDX-License-Identifier: MIT
/**
 * host/linux/readiness — call me when this descriptor can be read, on this thread's event loop: for sockets and processes. Bells have
 * event-watch.ts.
 *
 * On a main thread koffi polls. That has sharp edges, which end here:
 *  - a handle that nobody holds is collected, and silently polls no more: those that are open stand in a set;
 *  - polling one descriptor twice ends the process: each polls a copy of its own;
 *  - using a handle after its end is a segmentation fault: nothing is done after `close`;
 *  - an exception of the callback would come out of some later, innocent call: it is thrown from the event loop instead;
 *  - an event that meets a thread which is being ended takes the process down: in a worker, which anybody may end, a timer looks instead,
 *    and the main thread closes what is open before it ends by itself.
 *
 * It goes on for as long as the descriptor is readable, so the callback reads until there is no more, and closes what has ended.
 * After an error of the descriptor it may be called no more: one that learns `closed` reads what is left, to the end.
 */

import { fstatSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { fail } from '../../errors.js';
import { closeDescriptor, duplicate } from './descriptors.js';
import { poll } from './library.js';
import { isHungUp, waitReadable } from './wait-readable.js';

/** Milliseconds between two looks of a worker: nothing that it learns so is urgent. */
const LOOK_EVERY = 10;

type OnEvent = (closed: boolean) => void;

interface Handle {
  ref(): void;
  unref(): void;
  close(): void;
}

const open = new Set<Readiness>();

function closeAllOpen(): void {
  for (const readiness of open) readiness.close();
}

function polled(fd: number, onEvent: OnEvent): Handle {
  return poll(fd, (status, { disconnect }) => onEvent(status < 0 || disconnect));
}

function lookedAt(fd: number, onEvent: OnEvent): Handle {
  const timer = setInterval(() => {
    if (waitReadable(fd, 0)) onEvent(isHungUp(fd));
  }, LOOK_EVERY);
  return {
    ref: () => void timer.ref(),
    unref: () => void timer.unref(),
    close: () => clearInterval(timer),
  };
}

/** koffi does not survive the refusal of what nobody can wait for. */
function checkPollable(fd: number): void {
  if (!fstatSync(fd).isFile()) return;
  throw fail('EINVAL', 'Readiness', {}, { why: 'a file is always readable' });
}

function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

export class Readiness {
  readonly #copy: number;
  readonly #handle: Handle;
  readonly #onReadable: OnEvent;

  /**
   * @param onReadable `closed`: the other side has closed, or the descriptor is broken; there may be something to read all the same
   * @param options `ref: false`: does not keep the event loop going
   * @throws EBADF · ENFILE · ENOTSUP no koffi · EINVAL a file
   */
  constructor(fd: number, onReadable: OnEvent, { ref = true }: { readonly ref?: boolean } = {}) {
    this.#onReadable = onReadable;
    this.#copy = duplicate(fd);
    const onEvent: OnEvent = (closed) => this.#call(closed);
    try {
      checkPollable(this.#copy);
      this.#handle = (isMainThread ? polled : lookedAt)(this.#copy, onEvent);
    } catch (error) {
      closeDescriptor(this.#copy);
      throw error;
    }
    if (!ref) this.#handle.unref();
    if (open.size === 0) process.on('exit', closeAllOpen);
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
    if (open.size === 0) process.off('exit', closeAllOpen);
    this.#handle.close();
    closeDescriptor(this.#copy);
  }
}
