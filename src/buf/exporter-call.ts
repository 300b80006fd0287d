// SPDX-License-Identifier: MIT
/**
 * buf/exporter-call — one callback of an exporter of one's own: its errors, its promise, its time limit.
 *
 * A caller that gives up does not stop a callback that is running. What that still brings is undone when it comes.
 */

import { type Agent, Interrupt, type Operation } from '../agent/index.js';
import { DmaBufError, fail, inCall } from '../errors.js';
import { TaskWait } from './task-wait.js';

const EXPORTER = 'the exporter';

/** What an exporter's callback threw, as its caller sees it. */
export function exporterError(op: string, error: unknown, party = EXPORTER): DmaBufError {
  if (DmaBufError.is(error)) return inCall(op, error);
  return fail('EIO', op, {}, { why: `a callback of ${party} failed: see cause`, cause: error });
}

/** One callback. */
export interface ExporterCall<T> {
  readonly op: string;
  /** Object key that this call's own wake-ups use. */
  readonly key: number;
  /** Milliseconds. */
  readonly timeout: number;
  /** Whose callback it is, for errors. Default "the exporter". */
  readonly party?: string;
  readonly invoke: () => T | PromiseLike<T>;
  /** The caller gives up while the callback runs. @returns what undoes the outcome later; null = the callback failed */
  readonly giveUp: () => (outcome: { readonly of: T } | null) => void;
}

interface Settling<T> {
  value: { readonly of: T } | null;
  error: unknown;
  state: 'pending' | 'done' | 'failed';
  /** Set once the caller has given up. */
  late: ((outcome: { readonly of: T } | null) => void) | null;
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}

/** @throws the callback's own DmaBufError · EIO it threw something else · ETIMEDOUT · EDEADLK asynchronous in a blocking call */
export function* callExporter<T>(agent: Agent, call: ExporterCall<T>): Operation<T> {
  let result: T | PromiseLike<T>;
  try {
    result = agent.callBack(call.invoke);
  } catch (error) {
    throw exporterError(call.op, error, call.party);
  }
  if (!isPromise(result)) return result;
  return yield* settle(agent, call, result);
}

function* settle<T>(agent: Agent, call: ExporterCall<T>, promise: PromiseLike<T>): Operation<T> {
  const { op, key, timeout, party = EXPORTER } = call;
  const settling = follow(agent, call, promise);
  let expired = false;
  const timer =
    timeout === Infinity
      ? null
      : agent.platform.timer(timeout, () => {
          expired = true;
          agent.ring(agent.slot, key);
        });
  const wait = new TaskWait(agent, key, () => settling.state !== 'pending' || expired);
  const interrupt = yield wait;
  timer?.cancel();
  if (settling.state === 'done' && settling.value !== null) return settling.value.of;
  if (settling.state === 'failed') throw exporterError(op, settling.error, party);
  settling.late = call.giveUp();
  if (interrupt instanceof Interrupt) throw interrupt.error(op);
  if (wait.refused) throw wait.refusal(op, `an asynchronous callback of ${party}`);
  const why = `a callback of ${party} took longer than its callTimeout of ${timeout} ms`;
  throw fail('ETIMEDOUT', op, {}, { why });
}

function follow<T>(agent: Agent, call: ExporterCall<T>, promise: PromiseLike<T>): Settling<T> {
  const settling: Settling<T> = { value: null, error: null, state: 'pending', late: null };
  const settled = (state: 'done' | 'failed'): void => {
    settling.state = state;
    if (settling.late === null) agent.ring(agent.slot, call.key);
    else settling.late(settling.value);
  };
  promise.then(
    (of) => {
      settling.value = { of };
      settled('done');
    },
    (error: unknown) => {
      settling.error = error;
      settled('failed');
    },
  );
  return settling;
}
