// SPDX-License-Identifier: MIT
/**
 * agent/tasks — the asynchronous runner: operations of one agent that wait without blocking its thread.
 *
 * A task polls a little (see poll), then arms its wait and hangs in the buckets of its objects. A ring makes the tasks of its
 * bucket look again, nobody else. Tasks are resumed on the event loop only, never inside a blocking call of the same thread:
 * what they would be given could not be used there (see blocking).
 *
 * Invariants  I4 an armed task has looked after it published (its own `arm`), and every later ring reaches its bucket.
 *             A task is in exactly one of: running, hot, armed, settled.
 *             What was waited for wins over an interrupt that comes with it; but the interrupt stays due, for the next wait.
 */

import { checkWait } from '../errors.js';
import { bucketOf } from './bell.js';
import type { Polling } from './poll.js';
import type { Abortable, Platform, Timer } from './ports.js';
import { Interrupt, type Operation, type Wait } from './wait.js';

/** R3 of the API. */
export interface WaitLimits {
  readonly signal?: Abortable | undefined;
  readonly timeout?: number | undefined;
}

/** Waits may be over while they are looked at, one after the other: after so many the event loop turns. */
const SPINS = 64;
/** Operations without a wait, one after the other, after which the event loop turns: about half a millisecond. */
const STREAK = 1000;
/** Looks at all tasks that poll, per turn of the event loop. */
const HOT_LOOKS = 8;

interface Task {
  readonly op: string;
  readonly operation: Operation<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  wait: Wait | null;
  state: 'running' | 'hot' | 'armed' | 'settled';
  turns: number;
  since: number;
  /** It was reported as stalled. */
  reported: boolean;
  /** Came, and could not be delivered: due at the next wait that is not over. */
  interrupt: Interrupt | null;
  timer: Timer | null;
  unlisten: (() => void) | null;
}

export class Tasks {
  readonly #buckets = new Map<number, Set<Task>>();
  readonly #hot = new Set<Task>();
  readonly #rung = new Set<number>();
  #pending = 0;
  #polling = false;
  #over: Interrupt | null = null;
  /** Promises of what needed no wait, since the event loop turned for them. */
  #streak = 0;
  /** Spins since the event loop turned for them. */
  #spins = 0;

  constructor(
    readonly platform: Platform,
    readonly polling: Polling,
    /** Tells the agent that it must listen to its bell. */
    readonly listen: () => void,
  ) {}

  /** The agent has left: no wait ends any more but by this. */
  get over(): Interrupt | null {
    return this.#over;
  }

  /** Operations that have not settled. */
  get pending(): number {
    return this.#pending;
  }

  /** Starts an operation; what needs no wait is over when this returns. */
  run<T>(op: string, operation: Operation<T>, limits?: WaitLimits): Promise<T> {
    let timeout: number;
    let step: IteratorResult<Wait, T>;
    try {
      timeout = checkWait(op, limits);
      step = operation.next(null);
      if (timeout > 0) {
        while (step.done !== true && this.#isSoonOver(step.value)) step = operation.next(null);
      }
    } catch (error) {
      return this.#unwound(operation, error);
    }
    if (step.done === true) return this.settled(step.value);
    const first = step.value;
    return new Promise<T>((resolve, reject) => {
      const task: Task = {
        op,
        operation,
        resolve: resolve as (value: unknown) => void,
        reject,
        wait: null,
        state: 'running',
        turns: 0,
        since: this.platform.now(),
        reported: false,
        interrupt: timeout === 0 ? new Interrupt('timeout') : null,
        timer: null,
        unlisten: null,
      };
      this.#watch(task, timeout, limits?.signal);
      if (this.#pending++ === 0) this.platform.hold();
      this.#suspend(task, first, true);
    });
  }

  /**
   * A promise of what needs no wait. Now and then the event loop turns first: a loop in which nobody ever has to wait would starve
   * timers and I/O of this thread.
   */
  settled<T>(value: T): Promise<T> {
    if (++this.#streak < STREAK) return Promise.resolve(value);
    this.#streak = 0;
    return new Promise((resolve) => this.platform.soon(() => resolve(value)));
  }

  /** A look threw, or the operation itself, which is over then: whatever it has is given back. */
  #unwound<T>(operation: Operation<T>, error: unknown): Promise<T> {
    try {
      operation.throw(error);
    } catch (final) {
      return Promise.reject(final);
    }
    return Promise.reject(error);
  }

  #watch(task: Task, timeout: number, signal: Abortable | undefined): void {
    if (timeout !== 0 && timeout !== Infinity) {
      task.timer = this.platform.timer(timeout, () =>
        this.#interrupt(task, new Interrupt('timeout')),
      );
    }
    if (signal === undefined) return;
    if (signal.aborted) {
      // By the operation's own first steps: no event will come.
      task.interrupt = new Interrupt('abort', signal.reason);
      return;
    }
    const abort = (): void => this.#interrupt(task, new Interrupt('abort', signal.reason));
    signal.addEventListener('abort', abort);
    task.unlisten = () => signal.removeEventListener('abort', abort);
  }

  /** Runs the operation until it waits for something that is not there yet, or settles. */
  #advance(task: Task, interrupt: Interrupt | null): void {
    task.state = 'running';
    let step: IteratorResult<Wait, unknown>;
    try {
      step = task.operation.next(interrupt);
    } catch (error) {
      this.#settle(task);
      task.reject(error);
      return;
    }
    if (step.done === true) {
      this.#settle(task);
      task.resolve(step.value);
      return;
    }
    this.#suspend(task, step.value);
  }

  #suspend(task: Task, wait: Wait, polled = false): void {
    try {
      this.#park(task, wait, polled);
    } catch (error) {
      this.#fail(task, error);
    }
  }

  /** A look threw: the operation gives back what it has. */
  #fail(task: Task, error: unknown): void {
    task.state = 'running';
    this.#settle(task);
    this.#unwound(task.operation, error).catch(task.reject);
  }

  /** One look. @returns false also when it threw, and the task is over */
  #isReady(task: Task, wait: Wait, look: 'ready' | 'check'): boolean {
    try {
      return wait[look]();
    } catch (error) {
      this.#hot.delete(task);
      if (task.state === 'armed') this.#disarm(task);
      this.#fail(task, error);
      return false;
    }
  }

  /** `polled`: that wait has been looked at for a moment already. */
  #park(task: Task, wait: Wait, polled: boolean): void {
    task.wait = wait;
    const interrupt = task.interrupt ?? this.#over;
    if (interrupt !== null) {
      const over = wait.ready();
      if (!over) task.interrupt = null;
      this.#advance(task, over ? null : interrupt);
      return;
    }
    task.since = this.platform.now();
    task.reported = false;
    if (polled ? wait.ready() : this.#isSoonOver(wait)) {
      this.#advance(task, null);
      return;
    }
    task.turns = wait.unpolled === true ? 0 : this.polling.turns;
    if (task.turns === 0) {
      this.#arm(task);
      return;
    }
    task.state = 'hot';
    this.#hot.add(task);
    this.#pollSoon();
  }

  /** Looks for a moment, unless the event loop has to turn again first. */
  #isSoonOver(wait: Wait): boolean {
    if (wait.unpolled === true || this.polling.turns === 0 || this.#spins >= SPINS) {
      return wait.ready();
    }
    this.#spins++;
    const over = this.polling.spin(wait);
    if (over) this.polling.learn(this.polling.spent);
    return over;
  }

  #pollSoon(): void {
    if (this.#polling) return;
    this.#polling = true;
    this.platform.soon(() => {
      this.#polling = false;
      this.#spins = 0;
      this.#pollOnce();
    });
  }

  /** One turn of polling for all hot tasks: look, give way, look. */
  #pollOnce(): void {
    this.platform.giveWay?.();
    for (let look = 0; look < HOT_LOOKS && this.#hot.size > 0; look++) {
      for (const task of this.#hot) {
        if (task.wait === null || !this.#isReady(task, task.wait, 'ready')) continue;
        this.#hot.delete(task);
        this.#resume(task);
      }
    }
    for (const task of this.#hot) {
      if (--task.turns > 0) continue;
      this.#hot.delete(task);
      this.#arm(task);
    }
    if (this.#hot.size > 0) this.#pollSoon();
  }

  #arm(task: Task): void {
    const { wait } = task;
    if (wait === null) return;
    task.state = 'armed';
    if (wait.arm()) {
      wait.disarm();
      this.#resume(task);
      return;
    }
    for (const key of wait.keys) {
      const bucket = bucketOf(key);
      const tasks = this.#buckets.get(bucket);
      if (tasks === undefined) this.#buckets.set(bucket, new Set([task]));
      else tasks.add(task);
    }
    this.listen();
  }

  #disarm(task: Task): void {
    const { wait } = task;
    if (wait === null) return;
    for (const key of wait.keys) {
      const bucket = bucketOf(key);
      const tasks = this.#buckets.get(bucket);
      tasks?.delete(task);
      if (tasks?.size === 0) this.#buckets.delete(bucket);
    }
    wait.disarm();
  }

  #resume(task: Task): void {
    this.polling.learn(this.platform.now() - task.since);
    this.#advance(task, null);
  }

  #settle(task: Task): void {
    task.state = 'settled';
    task.timer?.cancel();
    task.unlisten?.();
    if (--this.#pending === 0) this.platform.release();
  }

  #interrupt(task: Task, interrupt: Interrupt): void {
    if (task.state === 'running') {
      task.interrupt ??= interrupt;
    } else if (task.state !== 'settled') {
      const armed = task.state === 'armed';
      const { wait } = task;
      const over = wait !== null && this.#isReady(task, wait, armed ? 'check' : 'ready');
      if (task.state !== (armed ? 'armed' : 'hot')) return;
      if (armed) this.#disarm(task);
      else this.#hot.delete(task);
      if (over) task.interrupt ??= interrupt;
      this.#advance(task, over ? null : interrupt);
    }
  }

  /** A change in this very agent: its own tasks look again when the current job is over. */
  rung(obj: number): void {
    const bucket = bucketOf(obj);
    if (!this.#buckets.has(bucket)) return;
    if (this.#rung.size === 0) this.platform.microtask(() => this.lookRung());
    this.#rung.add(bucket);
  }

  /** Looks at what `rung` collected. */
  lookRung(): void {
    const rung = [...this.#rung];
    this.#rung.clear();
    for (const bucket of rung) this.look(bucket);
  }

  /** The tasks of a bucket look again; -1 = all tasks. */
  look(bucket: number): void {
    for (const task of this.#of(bucket)) {
      if (task.state !== 'armed' || task.wait === null) continue;
      if (!this.#isReady(task, task.wait, 'check')) continue;
      this.#disarm(task);
      this.#resume(task);
    }
  }

  /** The thread is blocked: what these tasks were rung for goes to the next waiter; -1 = all tasks. */
  pass(bucket: number): void {
    for (const task of this.#of(bucket)) task.wait?.pass?.();
  }

  /** Waits that began before `before` and are still parked; each is told once. */
  stalled(before: number): { readonly op: string; readonly keys: readonly number[] }[] {
    const found = [];
    for (const task of this.#of(-1)) {
      if (task.reported || task.since > before || task.wait === null) continue;
      task.reported = true;
      found.push({ op: task.op, keys: task.wait.keys });
    }
    return found;
  }

  #of(bucket: number): Task[] {
    if (bucket >= 0) return [...(this.#buckets.get(bucket) ?? [])];
    const all = new Set<Task>();
    for (const tasks of this.#buckets.values()) for (const task of tasks) all.add(task);
    return [...all];
  }

  /** The agent leaves: nothing will ring any more. Every pending operation ends with `reason`. */
  abortAll(reason: unknown): void {
    const interrupt = new Interrupt('abort', reason);
    this.#over = interrupt;
    for (const task of [...this.#of(-1), ...this.#hot]) this.#interrupt(task, interrupt);
  }
}
