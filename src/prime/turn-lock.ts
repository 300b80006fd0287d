// SPDX-License-Identifier: MIT
/**
 * prime/turn-lock — a lock among the tasks of one agent, in the order in which they asked.
 *
 * Who is first in the queue has it. Nothing of it is in shared memory: no other agent takes part, and its death needs no care.
 */

import { type Agent, type Operation, objectKey } from '../agent/index.js';
import { TaskWait } from '../buf/index.js';

/** One task's turn; given back once. */
interface Turn {
  readonly release: () => void;
}

export class TurnLock {
  readonly #queue: Turn[] = [];
  readonly #key: number;

  constructor(
    readonly agent: Agent,
    /** For who cannot have it: "the lock of …". */
    readonly what: string,
  ) {
    this.#key = objectKey('agent', agent.slot);
  }

  /** @throws ETIMEDOUT · the signal's reason · EDEADLK inside of a blocking call */
  *take(op: string): Operation<Turn> {
    const turn = { release: () => this.#leave(turn) };
    this.#queue.push(turn);
    if (this.#queue[0] === turn) return turn;
    const wait = new TaskWait(this.agent, this.#key, () => this.#queue[0] === turn);
    try {
      const interrupt = yield wait;
      if (interrupt !== null) throw interrupt.error(op);
      if (wait.refused) throw wait.refusal(op, this.what);
    } catch (error) {
      this.#leave(turn);
      throw error;
    }
    return turn;
  }

  #leave(turn: Turn): void {
    const at = this.#queue.indexOf(turn);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    if (at === 0) this.agent.ring(this.agent.slot, this.#key);
  }
}
