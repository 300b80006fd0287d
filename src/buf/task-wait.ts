// SPDX-License-Identifier: MIT
/**
 * buf/task-wait — wait for something that only this very agent can bring about: a promise of its own, or another of its tasks.
 *
 * Nothing of it is in shared memory. A blocking call cannot wait for such a thing, since the thread that would do it is the one
 * that blocks: the wait ends at once, `refused`.
 */

import type { Agent, Wait } from '../agent/index.js';
import { type DmaBufError, fail } from '../errors.js';

export class TaskWait implements Wait {
  readonly keys: readonly number[];
  refused = false;

  /** `wake(key)` by whoever changes what `holds` looks at. */
  constructor(
    readonly agent: Agent,
    key: number,
    readonly holds: () => boolean,
  ) {
    this.keys = [key];
  }

  ready(): boolean {
    return this.holds();
  }

  arm(): boolean {
    this.refused = !this.holds() && this.agent.slots.word(this.agent.slot, 'blocked') !== 0;
    return this.refused || this.holds();
  }

  check(): boolean {
    return this.holds();
  }

  disarm(): void {}

  /** Why a blocking call cannot have this. */
  refusal(op: string, what: string): DmaBufError {
    const why = `${what} needs this thread's event loop, which the call would block: use the promise form`;
    return fail('EDEADLK', op, {}, { why });
  }
}
