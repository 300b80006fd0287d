// SPDX-License-Identifier: MIT
/**
 * model/engine/strategy — who decides what happens next, and who is told what happened. Types only.
 */

import type { Machine } from './machine.mjs';
import type { SimThread } from './thread.mjs';
import type { IntegerArray } from './types.js';

export interface Strategy {
  /** Asked only at operations that conflict with others. */
  readonly reduces: boolean;
  /** Its schedules show who shares what. */
  readonly teaches: boolean;
  begin(machine: Machine): void;
  /** One of the things that can happen now; there is at least one. */
  choose(machine: Machine): number;
  /** Does this thread stop here for ever? Asked only if it reduces. */
  readonly doom: ((machine: Machine, thread: SimThread) => boolean) | null;
}

/** A strategy with a series of schedules. */
export interface Plan extends Strategy {
  readonly label: string;
  /** After a schedule: is there another one? */
  advance(machine: Machine): boolean;
}

export interface Tracer {
  operation(
    thread: SimThread,
    code: number,
    array: IntegerArray,
    index: number,
    args: readonly unknown[],
    result: unknown,
    note: string,
  ): void;
  event(text: string): void;
}
