// SPDX-License-Identifier: MIT
/**
 * buf/hooks — what the rooms above tell this one about buffers: where their bytes are, who else names them, where they rest.
 */

/** An exporter whose state is wholly shared: its code runs in whichever agent calls, and never waits. */
export interface SharedExporter {
  readonly name: string;
  /** Where the bytes of these pages are. */
  bytes(page: number, size: number): Uint8Array;
  /** Takes the pages back from a row that is RELEASING in this agent's name. Clears the row's `pages` on the way. */
  release(row: number): void;
}

/** Does something other than an agent's reference name this generation of a buffer? `queues`: bits of nameInQueue. */
export type Namer = (row: number, generation: number, queues: number) => boolean;

/** Where buffers of a pool rest instead of dying. */
export interface PoolHook {
  /** Is the pool with this index open? */
  mayRest(pool: number): boolean;
  /** It rests. Look again whether the pool is still open (if not: retire it), then wake who waits. */
  rested(pool: number, row: number): void;
}

export const NO_POOLS: PoolHook = { mayRest: () => false, rested: () => {} };
