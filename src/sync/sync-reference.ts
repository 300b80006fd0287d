// SPDX-License-Identifier: MIT
/**
 * sync/sync-reference — this agent's one reference to a sync file, shared by all of its handles.
 *
 * A sync file that nobody has shared is nothing but this. Sharing gives it a row; from then on this agent's bit in the row
 * stands for all handles that are counted here.
 */

import type { AnyFence } from '../fence/index.js';

/** Of a sync file that nobody has shared. */
const NOWHERE = -1;

export class SyncReference {
  /** Handles of this agent, tickets on their way included. */
  holders = 0;
  row = NOWHERE;
  generation = 0;

  constructor(
    readonly id: number,
    /** Empty: named after its fence. */
    readonly userName: string,
    readonly fence: AnyFence,
  ) {}

  get shared(): boolean {
    return this.row !== NOWHERE;
  }
}
