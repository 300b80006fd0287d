// SPDX-License-Identifier: MIT
/**
 * agent/record-wait — a call waits for a record: until one is free, or none of those that it could have has moved for as long as it
 * has patience. As long as others get their answers it is only a matter of time.
 */

import type { Agent } from './agent.js';
import { Alarm } from './alarm.js';
import { ObjectWait } from './object-wait.js';
import type { Wait } from './wait.js';

export class RecordWait implements Wait {
  readonly keys: readonly number[];
  /** It ended for want of progress. */
  late = false;
  readonly #rung: ObjectWait;
  #seen: number;
  #due: number;
  readonly #alarm: Alarm;

  constructor(
    readonly agent: Agent,
    /** What the target of those calls rings for. */
    keys: readonly number[],
    readonly isFree: () => boolean,
    /** Changes with each step that one of those calls takes. */
    readonly progress: () => number,
    /** Milliseconds. */
    readonly patience: number,
  ) {
    this.keys = keys;
    this.#rung = new ObjectWait(agent, keys, isFree);
    this.#alarm = new Alarm(agent, keys[0] ?? 0);
    this.#seen = progress();
    this.#due = agent.platform.now() + patience;
  }

  ready(): boolean {
    return this.isFree();
  }

  arm(): boolean {
    this.#alarm.set(this.#due);
    return this.#rung.arm();
  }

  check(): boolean {
    if (this.isFree()) return true;
    const { platform } = this.agent;
    if (platform.now() < this.#due) return false;
    const now = this.progress();
    this.late = now === this.#seen;
    this.#seen = now;
    this.#due = platform.now() + this.patience;
    this.#alarm.set(this.#due);
    return this.late;
  }

  disarm(): void {
    this.#alarm.cancel();
    this.#rung.disarm();
  }
}
