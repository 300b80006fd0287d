// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/thread — one thread of a script: an agent, what it holds, and the call it is in.
 */

/** @import {DmaBufError} from '../../src/errors.js' */
/** @import {AcquireContext, Reservation, ResvLock} from '../../src/resv/index.js' */
/** @import {Running, Stage} from './stage.mjs' */

/** A command: a call of a thread, or a signal to it. @typedef {{ number: number, thread: string, call: string, lock: string | undefined }} Command */

/** One thread of the script. */
export class Thread {
  /** @type {AcquireContext | null} */
  context = null;
  /** @type {Map<string, ResvLock>} */
  locks = new Map();
  /** The call that has not returned. @type {{ running: Running<unknown>, step: Command, interrupt: AbortController | null } | null} */
  call = null;
  /** Its call was refused, and another one did the same. @type {DmaBufError | null} */
  refusal = null;
  /** A signal has come, and was not taken. */
  signaled = false;

  /** @param {Stage} stage @param {number} agent @param {string} name */
  constructor(stage, agent, name) {
    this.stage = stage;
    this.name = name;
    this.room = stage.agent(agent).reservations;
  }

  /** @param {string} lock @returns {Reservation} */
  resv(lock) {
    return this.room.of(lock.charCodeAt(0) - 'A'.charCodeAt(0));
  }
}
