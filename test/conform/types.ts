// SPDX-License-Identifier: MIT
/**
 * conform/types — what a recorded trace consists of, and what the replayer makes of it.
 *
 * Types only: nothing here exists at run time.
 */

/** A callback, or what a helper thread did, as it was recorded. */
export interface TraceEvent {
  readonly op: string;
  readonly thread?: string;
  readonly buf?: string;
  readonly attachment?: number | string;
  readonly dir?: string;
  readonly fence?: string;
  readonly cb?: string;
  readonly sgt?: string | undefined;
  readonly to?: string;
  readonly ret?: unknown;
  readonly [field: string]: unknown;
}

/** Arguments of a call. Some hold what the recorder saw afterwards. */
export interface Args {
  readonly buf?: string | undefined;
  readonly dev?: string | null;
  readonly attachment?: number;
  readonly dir?: string;
  readonly sgt?: string | null;
  readonly caller_holds_resv?: boolean;
  readonly allow_peer2peer?: boolean;
  readonly importer_ops?: string | null;
  readonly missing?: string;
  readonly dynamic?: boolean;
  readonly cache_sgt_mapping?: boolean;
  readonly attach_op?: boolean;
  readonly detach_op?: boolean;
  readonly shared_resv?: boolean;
  readonly size?: number;
  readonly fence?: string | null;
  readonly usage?: string;
  readonly name?: string;
  readonly cmd?: string | number;
  readonly timeout?: string | number;
  readonly interruptible?: boolean;
  readonly signaled?: boolean;
  readonly lock?: string;
  readonly cb?: string;
  readonly error?: string | number;
  readonly num?: number;
  readonly context?: string;
  readonly dmabuf?: null;
  readonly replacement?: string;
  readonly [name: string]: unknown;
}

/** The buffer after a step. */
export interface After {
  readonly buf: string;
  readonly alive: boolean;
  readonly [field: string]: unknown;
}

/** One entry of a trace: a step has `call`, an observation `observe`. */
export interface Entry {
  readonly thread?: string;
  readonly call?: string;
  readonly args?: Args;
  readonly ret?: unknown;
  readonly after?: After | null;
  readonly warns?: number;
  readonly events?: readonly TraceEvent[];
  readonly observe?: string;
  readonly note?: string;
  readonly between_steps?: boolean;
  readonly after_last_step?: boolean;
  readonly [field: string]: unknown;
}

/** A step: an entry with a call. */
export interface Step extends Entry {
  readonly call: string;
  readonly args: Args;
}

export interface Scenario {
  readonly name: string;
  readonly area: string;
  readonly doc: string;
  readonly completed: boolean;
  readonly trace: readonly Entry[];
}

/** Something that is not as it was recorded. */
export interface Difference {
  readonly kind: 'ret' | 'event missing' | 'event extra' | 'field' | 'after' | 'observe' | 'warns';
  /** Of the step, or what was observed. */
  readonly call: string;
  readonly args: Args;
  readonly expected: unknown;
  readonly actual: unknown;
  /** Of an event, a state or an observation. */
  readonly field?: string | undefined;
  readonly event?: TraceEvent | undefined;
  /** What the call threw. */
  readonly error?: unknown;
  /** Errors that nobody waited for. */
  readonly reports?: readonly unknown[] | undefined;
  /** How often Linux complained. */
  readonly warns?: number | undefined;
  /** What else a rule may want to know. */
  readonly facts?: readonly Fact[] | undefined;
  /** A name that a buffer was refused. */
  readonly refusedName?: string | undefined;
}

/**
 * What a rule may want to know: the call was EBUSY, or refused, or refused where Linux complains as well, or one before it was, in whose place nothing
 * could be done; somebody else had the lock; something is open on the buffer; fences of one context are numbered beyond a wrap; a fence
 * waits for its error; an iteration collects the same in the end; a device is named in another line; the buffer that is polled is still not ready;
 * waits for its error; an iteration collects the same in the end; a device is named in another line; a container is part of an array; the
 * container looked at ended with the error of whatever failed first of it; several of its parts had
 * failed before it was made.
 */
export type Fact =
  | 'busy'
  | 'refused'
  | 'complained'
  | 'contended'
  | 'refused before'
  | 'open'
  | 'beyond'
  | 'error set'
  | 'the same in the end'
  | 'named elsewhere'
  | 'not readable'
  | 'not writable'
  | 'nested'
  | 'first error'
  | 'several failed before';

/** How a scenario went. */
export interface Outcome {
  readonly name: string;
  readonly verdict: 'passed' | 'failed' | 'differs' | 'unsupported';
  /** What failed, which decision it differs by, or what is missing. */
  readonly why: readonly string[];
}
