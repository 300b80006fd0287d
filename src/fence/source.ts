// SPDX-License-Identifier: MIT
/**
 * fence/source — what a fence object needs of the agent it belongs to. `Fences` implements it.
 */

import type { Agent, Wait } from '../agent/index.js';
import type { Containers } from './containers.js';
import type { FenceRecords, Point } from './records.js';

export interface FenceSource {
  readonly agent: Agent;
  readonly records: FenceRecords;
  readonly containers: Containers;
  /** Until this point has signalled. */
  waitFor(point: Point): Wait;
  /** Until `holds`, looked at again whenever one of the points signals. */
  waitOn(points: readonly Point[], holds: () => boolean, unpolled?: boolean): Wait;
  askDeadline(point: Point, at: number): void;
  /** Pending, and to be signalled by this agent. */
  owedHere(row: number, generation: number): boolean;
  /** The object at `row` knows its outcome: it needs the record no more. */
  settled(row: number, fence: object): void;
}
