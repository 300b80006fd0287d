// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/plain — memory that is also accessed without Atomics, kept right across re-executions.
 *
 * Plain reads and stores cannot be intercepted, so a re-execution repeats them. What a thread does between two operations
 * (a segment) belongs to the step of the first one. Each segment is re-executed on the bytes it first saw, and when the
 * thread reaches something new, the bytes of now are put back.
 */

/** @import {SimThread} from './thread.mjs' */

export class PlainMemory {
  /** @type {Uint8Array[]} */
  #views = [];
  #size = 0;
  /** Bytes at the beginning of each segment, one after the other, by thread. @type {Uint8Array[]} */
  #segments = [];
  /** @type {number[]} segments that each thread has begun */
  #begun = [];
  #now = new Uint8Array(0);
  /** The views hold bytes of the past. */
  #past = false;

  /** @param {readonly ArrayBufferView[]} views */
  reset(views) {
    this.#views = views.map((v) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength));
    const size = views.reduce((sum, v) => sum + v.byteLength, 0);
    if (size !== this.#size) {
      this.#segments = [];
      this.#now = new Uint8Array(size);
      this.#size = size;
    }
    this.#begun.length = 0;
    this.#past = false;
  }

  /** A (re-)execution of that thread begins. @param {SimThread} t */
  begin(t) {
    this.#save(this.#now, 0);
    this.#past = false;
    this.enter(t.id, 0);
  }

  /** Segment `k` begins: right after the k-th result. @param {number} id @param {number} k */
  enter(id, k) {
    let segments = this.#segments[id];
    if (segments !== undefined && k < (this.#begun[id] ?? 0)) {
      this.#put(segments, k * this.#size);
      this.#past = true;
      return;
    }
    this.present();
    if (segments === undefined || segments.length < (k + 1) * this.#size) {
      const larger = new Uint8Array(2 * (k + 8) * this.#size);
      if (segments !== undefined) larger.set(segments);
      this.#segments[id] = segments = larger;
    }
    this.#save(segments, k * this.#size);
    this.#begun[id] = k + 1;
  }

  /** Something new happens: back to the bytes of now. */
  present() {
    if (!this.#past) return;
    this.#put(this.#now, 0);
    this.#past = false;
  }

  /** The thread is about to unwind: what its finally blocks store did not happen. */
  freeze() {
    this.present();
    this.#save(this.#now, 0);
  }

  /** The thread has unwound. */
  thaw() {
    this.#put(this.#now, 0);
    this.#past = false;
  }

  // Byte by byte: for the few bytes there are, that is faster than making views of them.

  /** @param {Uint8Array} target @param {number} at */
  #save(target, at) {
    let to = at;
    for (const view of this.#views) {
      for (let i = 0; i < view.length; i++) target[to++] = /** @type {number} */ (view[i]);
    }
  }

  /** @param {Uint8Array} source @param {number} at */
  #put(source, at) {
    let from = at;
    for (const view of this.#views) {
      for (let i = 0; i < view.length; i++) view[i] = /** @type {number} */ (source[from++]);
    }
  }
}
