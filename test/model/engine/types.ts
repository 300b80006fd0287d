// SPDX-License-Identifier: MIT
/**
 * model/engine/types — what a model gives the explorer, and what the explorer gives back.
 *
 * Types only: nothing here exists at run time.
 */

/** What Atomics accepts. */
export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export type OperationName =
  | 'load'
  | 'store'
  | 'add'
  | 'sub'
  | 'and'
  | 'or'
  | 'xor'
  | 'exchange'
  | 'compareExchange'
  | 'wait'
  | 'notify';

/** What a simulated thread knows besides shared memory. Nothing in it is a scheduling point, unless it says so. */
export interface Env {
  /** Its place in `threads`; reapers count on from there. */
  readonly id: number;
  /** The truth about that thread: no instruction of it can run any more. */
  isDead(thread: number): boolean;
  /** Virtual milliseconds: 0 at first, moved on only when a timed wait expires. */
  now(): number;
  /** Anything else that must read the same in each re-execution: `read` runs once, its answer is kept. */
  once<T>(read: () => T): T;
  /**
   * Runs a block as one step, with one scheduling point before it. What a thread does in a block before its first
   * other operation happens before anybody runs, in the order of ids: the place for joining.
   */
  atomic<T>(block: () => T): T;
  /** Ends the schedule as a failure. */
  fail(message: string): never;
}

/**
 * One thread: synchronous, and deterministic given what its operations return. It is run again from its start at every
 * switch, so all JavaScript objects it changes must be made inside it, or by `reset`-independent code of its own.
 * What it returns is its result.
 */
export type Body<W> = (world: W, env: Env) => unknown;

export interface Thread<W> {
  readonly name: string;
  readonly run: Body<W>;
  /** May still be blocked when all others are done. */
  readonly daemon?: boolean;
}

interface Bounds {
  /** Preemptions up to which the depth-first search must be complete. Default 2. */
  readonly preemptions?: number;
  /** Operations after which a schedule fails as a livelock. Default 5000. */
  readonly steps?: number;
  /** How often in a schedule a timed wait may expire. Default 0: time stands still. */
  readonly timeouts?: number;
}

/** How a schedule ended. Arrays are indexed by thread id. */
export interface Outcome {
  readonly results: readonly unknown[];
  readonly done: readonly boolean[];
  readonly dead: readonly boolean[];
}

/** An operation about to be carried out, as a planted fault sees it. */
export interface PlannedOperation {
  readonly name: OperationName;
  /** The model's label for the word. */
  readonly word: string;
  readonly index: number;
  /** Arguments after array and index. */
  readonly args: readonly unknown[];
  /** Stack of the code under test, for faults that aim at one function. */
  site(): string;
}

/**
 * - 'drop': not carried out; returns what it would have found there (a wait returns 'ok', a notify 0)
 * - 'delay-one': carried out after the next operation of the same thread, as a step of its own
 * - 'split': a read-modify-write falls apart into a load and, a step later, a store
 * - an array: carried out with these arguments instead
 */
export type Distortion = 'drop' | 'delay-one' | 'split' | readonly unknown[] | undefined;

/** Asked once per operation. `state` is a fresh object per schedule, for counting. */
export type Rewrite = (
  operation: PlannedOperation,
  thread: { readonly id: number; readonly name: string },
  state: Record<string, number>,
) => Distortion;

/** A fault that the search must find. `patch` breaks something in JavaScript and returns what mends it. */
export interface Fault {
  readonly rewrite?: Rewrite;
  readonly patch?: () => () => void;
}

export interface Model<W = unknown> {
  readonly name: string;
  /** A bare function gets its own name and its id as its name. */
  readonly threads: readonly (Body<W> | Thread<W>)[];
  /** Fresh state. Re-use the same SharedArrayBuffer: words are known by buffer and address across schedules. */
  reset(): W;
  /** After a schedule in which nobody is stuck. */
  check(world: W, outcome: Outcome): string | null;
  /** After every operation. Switches the reduction off, which keeps only the order of conflicting operations. */
  invariant?(world: W): string | null;
  /** Threads that may be killed in a schedule, reapers included. Default 0. */
  readonly kills?: number;
  /** A thread died; who recovers? It may look only at its arguments, and may be killed like any other. */
  onKill?(world: W, dead: readonly number[]): Body<W> | Thread<W> | null;
  readonly bounds?: Bounds;
  /** Label of a word, for traces and faults; always the same for the same word. Default: its index. */
  word?(array: IntegerArray, index: number): string;
  /** Operations on this word are no scheduling points: one thread alone can reach it, or it never changes. */
  private?(array: IntegerArray, index: number): boolean;
  /** Views that are also accessed without Atomics. Keep them small: they are saved at every step. */
  plain?(world: W): readonly ArrayBufferView[];
  /** False: search every interleaving, also of operations that do not conflict. Default: true without invariant. */
  readonly reduce?: boolean;
  readonly planted?: Readonly<Record<string, Rewrite | Fault>>;
}

/** A model of any world: what lists of models hold. */
// biome-ignore lint/suspicious/noExplicitAny: the world is the model's own business, and it stands on both sides.
export type AnyModel = Model<any>;

export interface Failure {
  readonly message: string;
  /** For `replay`. */
  readonly schedule: string;
  /** Which search found it, and as its how-manyeth schedule. */
  readonly search: string;
  readonly at: number;
  /** What a thread threw. */
  readonly cause?: unknown;
}

interface Counts {
  readonly schedules: number;
  readonly steps: number;
  readonly kills: number;
}

export interface Report extends Counts {
  readonly name: string;
  readonly bugs: number;
  /** All schedules within the model's preemption bound, or all there are, were run. */
  readonly complete: boolean;
  /** Largest preemption bound completed; -1: none; null: every schedule was run, no bound applies. */
  readonly bound: number | null;
  readonly planted: Readonly<Record<string, boolean>>;
  readonly failure: Failure | null;
  readonly seconds: number;
}
