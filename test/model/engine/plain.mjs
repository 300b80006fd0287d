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
  /** @type {Uint8Array[][]} bytes at the beginning of each segment, by thread */
  #segments = [];
  /** @type {number[]} segments that each thread has begun */
  #begun = [];
  #now = new Uint8Array(0);
  /** The views hold bytes of the past. */
  #past = false;

  /** @param {readonly ArrayBufferView[]} views */
  reset(views) {
    this.#views = views.map((v) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength));
    this.#size = this.#views.reduce((sum, v) => sum + v.length, 0);
    this.#begun = [];
    this.#past = false;
  }

  /** A (re-)execution of that thread begins. @param {SimThread} t */
  begin(t) {
    this.#now = this.#copy();
    this.#past = false;
    this.enter(t.id, 0);
  }

  /** Segment `k` begins: right after the k-th result. @param {number} id @param {number} k */
  enter(id, k) {
    if (k < (this.#begun[id] ?? 0)) {
      this.#put(/** @type {Uint8Array} */ (this.#segments[id]?.[k]));
      this.#past = true;
      return;
    }
    this.present();
    const segments = (this.#segments[id] ??= []);
    segments[k] = this.#copy();
    this.#begun[id] = k + 1;
  }

  /** Something new happens: back to the bytes of now. */
  present() {
    if (!this.#past) return;
    this.#put(this.#now);
    this.#past = false;
  }

  /** The thread is about to unwind: what its finally blocks store did not happen. */
  freeze() {
    this.present();
    this.#now = this.#copy();
  }

  /** The thread has unwound. */
  thaw() {
    this.#put(this.#now);
    this.#past = false;
  }

  #copy() {
    const bytes = new Uint8Array(this.#size);
    let at = 0;
    for (const view of this.#views) {
      bytes.set(view, at);
      at += view.length;
    }
    return bytes;
  }

  /** @param {Uint8Array} bytes */
  #put(bytes) {
    let at = 0;
    for (const view of this.#views) {
      view.set(bytes.subarray(at, at + view.length));
      at += view.length;
    }
  }
}
