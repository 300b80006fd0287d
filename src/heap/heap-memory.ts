// SPDX-License-Identifier: MIT
/**
 * heap/heap-memory — the memory that the system heap hands out, as this agent has it mapped.
 *
 * It comes in slabs, since one mapping has an upper size. Threads share one plain SharedArrayBuffer; between processes slabs lie
 * over memory files, and what nobody uses can be given back to the system.
 */

/** What the system heap is made of. */
export interface HeapMemory {
  readonly slabs: readonly SharedArrayBuffer[];
  /** Bytes of each slab but the last, which may have less. */
  readonly slabBytes: number;
  /**
   * These bytes of a slab read as 0 for everybody from now on, and cost no memory until somebody writes to them. Called only for what
   * nobody else may use meanwhile. Threads have none: their memory stays.
   */
  discard?(slab: number, offset: number, bytes: number): void;
}

/** A heap of one piece. */
export function oneSlab(memory: SharedArrayBuffer): HeapMemory {
  return { slabs: [memory], slabBytes: memory.byteLength };
}
