// SPDX-License-Identifier: MIT
/**
 * agent/blocking — the blocking runner: the same operations, on a thread that sleeps.
 *
 * Polls (looks, then gives the core away), then publishes and sleeps on the bell in slices. Every slice it asks whether
 * somebody died: a main thread that waits for a dead worker recovers by itself, without its event loop.
 *
 * While it is blocked, the agent's asynchronous tasks cannot run. `blocked` says so to everybody, their rows count as absent,
 * and what they are rung for is passed on; afterwards they look again.
 *
 * Pairs  P2 see bell.  P1 see rows.
 */

import { checkTimeout, fail } from '../errors.js';
import type { Bells } from './bell.js';
import { Parked } from './layout.js';
import type { Polling } from './poll.js';
import type { Platform } from './ports.js';
import type { Slots } from './slots.js';
import type { Tasks } from './tasks.js';
import { Interrupt, type Operation, type Wait } from './wait.js';

/** Milliseconds between two looks for the dead. */
const SLICE = 100;

/** What the runner needs of its agent. */
export interface BlockingHost {
  readonly slot: number;
  readonly slots: Slots;
  readonly bells: Bells;
  readonly tasks: Tasks;
  readonly polling: Polling;
  readonly platform: Platform;
  /** ww locks that objects of this agent hold. */
  readonly held: number;
  /** Callbacks of exporters that are on the stack. */
  readonly callbacks: number;
  /** Takes what the bell was rung for, and looks. */
  serve(): void;
  /** Duties towards others that a blocked agent still has. */
  serveNotes(bucket: number): void;
  /** It is about to block. */
  blocks(): void;
  /** It does not sleep any more, unless its event loop listens to the bell all the same. */
  unpark(): void;
  /** Recovers agents that have died. */
  lookForDead(): void;
}

/**
 * Runs an operation to its end on this thread.
 * @param own  ww locks held that belong to this very call (its context's): they are not held by anybody who cannot run.
 */
export function runBlocking<T>(
  host: BlockingHost,
  op: string,
  operation: Operation<T>,
  timeout?: number,
  own = 0,
): T {
  const limit = checkTimeout(op, timeout);
  let step = operation.next(null);
  if (step.done === true) return step.value;
  const deadline = limit === Infinity ? Infinity : host.platform.now() + limit;
  while (step.done !== true) {
    let interrupt: Interrupt | null;
    try {
      interrupt = blockOn(host, op, step.value, deadline, own);
    } catch (error) {
      // A look threw: the operation gives back what it has.
      operation.throw(error);
      throw error;
    }
    step = operation.next(interrupt);
  }
  return step.value;
}

function blockOn(
  host: BlockingHost,
  op: string,
  wait: Wait,
  deadline: number,
  own: number,
): Interrupt | null {
  const { polling, platform } = host;
  const expired = (): boolean => deadline !== Infinity && platform.now() >= deadline;
  if (wait.ready()) return null;
  if (expired()) return new Interrupt('timeout');
  const refusal = host.tasks.over ?? refuse(host, op, own);
  if (refusal !== null) return refusal;
  if (polling.spin(wait)) {
    polling.learn(polling.spent);
    return null;
  }
  const since = platform.now() - polling.spent;
  const interrupt = sleepOn(host, wait, deadline);
  polling.learn(platform.now() - since);
  return interrupt;
}

/** Some waits must not block: they would never end, or the platform forbids it. */
function refuse(host: BlockingHost, op: string, own: number): Interrupt | null {
  if (!host.platform.mayBlock) {
    const why = 'this thread may not block: use the promise form of the call';
    return new Interrupt('abort', fail('ENOTSUP', op, {}, { why }));
  }
  if (host.callbacks > 0) {
    const why = 'a callback of an exporter may not wait: others wait for it';
    return new Interrupt('abort', fail('EDEADLK', op, {}, { why }));
  }
  if (host.held > own) {
    const why =
      'a task of this thread holds a lock, and could not run to release it while the thread blocks: unlock first, or await';
    return new Interrupt('abort', fail('EDEADLK', op, { held: host.held - own }, { why }));
  }
  return null;
}

function sleepOn(host: BlockingHost, wait: Wait, deadline: number): Interrupt | null {
  const { slot, slots, bells, tasks, platform } = host;
  host.blocks();
  const outer = slots.word(slot, 'blocked');
  slots.setWord(slot, 'blocked', wait.keys[0] ?? -1); // P7
  tasks.pass(-1);
  let looked = platform.now();
  try {
    if (wait.arm()) return null;
    for (;;) {
      const seen = bells.read(slot);
      bells.collect(slot, (bucket) => {
        tasks.pass(bucket);
        host.serveNotes(bucket);
      });
      if (wait.check()) return null;
      const left = deadline - platform.now();
      if (left <= 0) return new Interrupt('timeout');
      if (!bells.park(slot, Parked.BLOCKS)) continue; // P2
      bells.sleep(slot, seen, Math.min(left, SLICE));
      host.unpark();
      // By the clock: rings that have nothing to do with this wait must not keep it from looking.
      if (platform.now() - looked < SLICE) continue;
      host.lookForDead();
      looked = platform.now();
    }
  } finally {
    wait.disarm();
    host.unpark();
    slots.setWord(slot, 'blocked', outer);
    if (tasks.pending > 0) platform.microtask(() => tasks.look(-1));
    // Whoever rang while the thread slept, or just now, woke nobody but it.
    if (bells.rung(slot)) platform.microtask(() => host.serve());
  }
}
