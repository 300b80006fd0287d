// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/reduction — which operations need no scheduling point.
 *
 * An operation that conflicts with no operation of any other thread can be moved to right after its thread's previous one:
 * the schedule stays equivalent, and needs no more preemptions. So a depth-first search may glue it there. Who touches what
 * is not declared but learned: words count as unshared until a second thread is seen, and the search that relied on it
 * begins again. A search that ended without learning anything has missed nothing: the first access that breaks an assumption
 * would, with everything before it glued, have been met.
 *
 * Accesses after a thread's death do not run beside its own. But they, and the final check, see what it had written: a glued
 * store may still be the one before which its thread stops for ever. Such a thread is doomed: it does not go on, and dies
 * at once or when somebody has looked and still found it alive.
 *
 * Reads of the environment (who is dead, what time it is) conflict with kills and time-outs: the operation before one keeps
 * its scheduling point. A notify and a wait both count as writes.
 *
 * A kill may likewise be moved to right after the victim's last step, or after whatever woke it, unless somebody looked
 * in between whether it is dead: `SimThread.fresh` says when it must be offered again.
 */

import { addressOf, LOAD } from './atomics.mjs';

/** @import {IntegerArray} from './types.js' */

/** Buffers a model may use; more means that `reset` makes new ones. */
const MAX_BUFFERS = 64;

/**
 * What is known about a 32-bit word, as bits of thread ids.
 * @typedef {object} Users
 * @property {number} users  accessed it
 * @property {number} touched  were alive when another thread accessed it
 * @property {number} written  were alive when another thread wrote it
 * @property {number} observed  read their environment right after an access
 */

export class Sharing {
  /** Grows when something that a search may have glued turns out to conflict. */
  version = 0;
  /** @type {Map<ArrayBufferLike, Map<number, Users>>} */
  #buffers = new Map();
  /** @type {ArrayBufferLike | null} */
  #lastBuffer = null;
  /** @type {Map<number, Users>} */
  #lastWords = new Map();

  /** More buffers than a model has: what was learned about one schedule says nothing about the next. */
  get crowded() {
    return this.#buffers.size > MAX_BUFFERS;
  }

  /**
   * @param {number} id @param {number} code @param {IntegerArray} array @param {number} index
   * @param {number} alive  threads that exist and are not dead
   */
  note(id, code, array, index, alive) {
    const words = this.#wordsOf(array);
    const others = alive & ~(1 << id);
    const end = lastWord(array, index);
    for (let word = addressOf(array, index) >> 2; word <= end; word++) {
      let known = words.get(word);
      if (known === undefined)
        words.set(word, (known = { users: 0, touched: 0, written: 0, observed: 0 }));
      const news = (others & ~known.touched) | (code === LOAD ? 0 : others & ~known.written);
      if (news & known.users) this.version++;
      known.users |= 1 << id;
      known.touched |= others;
      if (code !== LOAD) known.written |= others;
    }
  }

  /** The thread read its environment right after this operation. @param {number} id @param {IntegerArray} array @param {number} index */
  observe(id, array, index) {
    const known = this.#wordsOf(array).get(addressOf(array, index) >> 2);
    if (known === undefined || (known.observed & (1 << id)) !== 0) return;
    known.observed |= 1 << id;
    this.version++;
  }

  /** Nobody's operations conflict with this one, as far as is known. @param {number} id @param {number} code @param {IntegerArray} array @param {number} index */
  isLocal(id, code, array, index) {
    const words = this.#wordsOf(array);
    const end = lastWord(array, index);
    for (let word = addressOf(array, index) >> 2; word <= end; word++) {
      const known = words.get(word);
      if (known === undefined) continue;
      if (((code === LOAD ? known.written : known.touched) | known.observed) & (1 << id))
        return false;
    }
    return true;
  }

  /** @param {IntegerArray} array */
  #wordsOf(array) {
    const buffer = array.buffer;
    if (buffer === this.#lastBuffer) return this.#lastWords;
    let words = this.#buffers.get(buffer);
    if (words === undefined) {
      this.#buffers.set(buffer, (words = new Map()));
    }
    this.#lastBuffer = buffer;
    this.#lastWords = words;
    return words;
  }
}

/** An operation on 64 bits touches two words. @param {IntegerArray} array @param {number} index */
function lastWord(array, index) {
  return (addressOf(array, index) + array.BYTES_PER_ELEMENT - 1) >> 2;
}
