// SPDX-License-Identifier: MIT
/**
 * A stage takes the tasks of an agent out of its own hands: whatever could happen next is a choice of whoever directs, and between
 * two choices nothing else happens. Choices are: a task whose wait is over goes on · a callback that waits at its gate ends, or fails · a
 * call that was given a signal is aborted · deferred work runs.
 *
 * Tasks behave as on the event loop: a wait that is over when it begins is no wait, and one that is armed looks again only when its
 * object was rung. So a ring that is missing shows as a task that hangs.
 */
import { bucketOf } from '../../../src/agent/bell.js';
import { type Agent, Interrupt, type Operation, type Wait } from '../../../src/agent/index.js';
import type { WaitLimits } from '../../../src/agent/tasks.js';

interface Parked {
  readonly op: string;
  readonly operation: Operation<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly abortable: boolean;
  wait: Wait | null;
  rung: boolean;
}

interface Gate {
  readonly name: string;
  open(): void;
  fail(): void;
}

/** Something that could happen next. */
export interface Choice {
  readonly name: string;
  /** Counts against the number of faults of one schedule. */
  readonly fault: boolean;
  take(): void;
}

export const ABORTED = new Error('aborted on stage');
export const FAILED = new Error('failed on stage');

export class Stage {
  readonly #tasks = new Set<Parked>();
  readonly #gates = new Set<Gate>();
  readonly #deferred: (() => void)[] = [];

  constructor(agent: Agent) {
    agent.run = (op, operation, limits) => this.#run(op, operation, limits);
    agent.defer = (fn) => void this.#deferred.push(fn);
    agent.tasks.rung = (object) => {
      const bucket = bucketOf(object);
      for (const task of this.#tasks) {
        if (task.wait?.keys.some((key) => bucketOf(key) === bucket)) task.rung = true;
      }
    };
  }

  /** What a callback returns that ends when it is chosen to. `over` runs when it has ended, either way. */
  gate<T>(name: string, make: () => T, over: () => void): PromiseLike<T> {
    return {
      // oxlint-disable-next-line no-thenable -- who waits for a promise would be told a turn later, by nobody's choice
      then: (done, failed) => {
        const gate = {
          name,
          open: () => {
            this.#gates.delete(gate);
            over();
            done?.(make());
          },
          fail: () => {
            this.#gates.delete(gate);
            over();
            failed?.(FAILED);
          },
        };
        this.#gates.add(gate);
        return null as never;
      },
    };
  }

  /** All that can happen next, in the order in which it came about. */
  choices(): Choice[] {
    const found: Choice[] = [];
    const [deferred] = this.#deferred;
    for (const task of this.#tasks) {
      // It looks once for each ring.
      task.rung &&= task.wait?.check() === true;
      if (task.rung) found.push(choice(`go on ${task.op}`, () => this.#wake(task, null)));
    }
    for (const { name, open } of this.#gates) found.push(choice(`end ${name}`, open));
    if (deferred !== undefined) {
      found.push(
        choice('run deferred work', () => {
          this.#deferred.shift();
          deferred();
        }),
      );
    }
    for (const { name, fail } of this.#gates) found.push(choice(`fail ${name}`, fail, true));
    for (const task of this.#tasks) {
      if (!task.abortable || task.wait?.check()) continue;
      const abort = (): void => this.#wake(task, new Interrupt('abort', ABORTED));
      found.push(choice(`abort ${task.op}`, abort, true));
    }
    return found;
  }

  /** Tasks that wait. */
  get waiting(): string[] {
    return [...this.#tasks].map(({ op }) => op);
  }

  #run<T>(op: string, operation: Operation<T>, limits?: WaitLimits): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const task: Parked = {
        op,
        operation,
        resolve: resolve as (value: unknown) => void,
        reject,
        abortable: limits?.signal !== undefined,
        wait: null,
        rung: false,
      };
      this.#advance(task, null);
    });
  }

  #wake(task: Parked, interrupt: Interrupt | null): void {
    this.#tasks.delete(task);
    task.wait?.disarm();
    this.#advance(task, interrupt);
  }

  #advance(task: Parked, interrupt: Interrupt | null): void {
    let answer = interrupt;
    for (;;) {
      let step: IteratorResult<Wait, unknown>;
      try {
        step = task.operation.next(answer);
      } catch (error) {
        task.reject(error);
        return;
      }
      if (step.done === true) {
        task.resolve(step.value);
        return;
      }
      const wait = step.value;
      answer = null;
      if (wait.ready()) continue;
      if (wait.arm()) {
        wait.disarm();
        continue;
      }
      task.wait = wait;
      task.rung = false;
      this.#tasks.add(task);
      return;
    }
  }
}

function choice(name: string, take: () => void, fault = false): Choice {
  return { name, fault, take };
}
