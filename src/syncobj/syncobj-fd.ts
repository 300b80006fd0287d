// SPDX-License-Identifier: MIT
/**
 * syncobj/syncobj-fd — a sync object without a client: how it gets from one to another.
 */

import type { Buffers, Remains } from '../buf/index.js';
import { fail } from '../errors.js';
import type { SyncObject } from './sync-object.js';

const UNPOSTED = Symbol(
  'a SyncobjFd cannot be posted: send the fence of findFence(), and put it into an object of the other side',
);

/** @internal */
export let makeSyncobjFd: (buffers: Buffers, object: SyncObject) => SyncobjFd;

/** The object of a file, of whichever client of this agent. @throws ESTALE closed · EXDEV of another agent */
export let objectOf: (op: string, buffers: Buffers, fd: SyncobjFd) => SyncObject;

/** Of this thread so far. */
let fds = 0;

/**
 * What stands for the file descriptor of a sync object: keeps the object, whatever becomes of its handles. Close it.
 * @source drm_syncobj_get_fd
 */
export class SyncobjFd implements Disposable {
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;
  readonly #buffers: Buffers;
  readonly #object: SyncObject;
  readonly #id: number;
  #closed = false;

  static {
    makeSyncobjFd = (buffers, object) => new SyncobjFd(buffers, object);
    objectOf = (op, buffers, fd) => fd.#use(op, buffers);
  }

  private constructor(buffers: Buffers, object: SyncObject) {
    this.#buffers = buffers;
    this.#object = object;
    this.#id = ++fds;
    object.addName();
    buffers.leaks.track(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffers.leaks.unwatch(this);
    this.#object.dropName();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const object = this.#object;
    return { kind: 'SyncobjFd', id: this.#id, release: () => object.dropName() };
  }

  #use(op: string, buffers: Buffers): SyncObject {
    if (this.#buffers !== buffers) {
      const why = 'this stands for an object of another domain, or of another agent';
      throw fail('EXDEV', op, { fd: this.#id }, { why });
    }
    if (this.#closed) throw fail('ESTALE', op, { fd: this.#id }, { why: 'it was closed' });
    return this.#object;
  }
}
