// SPDX-License-Identifier: MIT
/**
 * heap — the room's public face: the system heap and heaps of one's own, pools, channels.
 *
 * `Heaps`, `Channels` and `Pools`, one per agent:
 *   heaps.add(op, info): AddedHeap               heaps.find(op, name): Heap
 *   channels.open(name, options?): Channel       pools.open(options): Pool       close(): before leaving
 */
export { AddedHeap, type HeapInfo } from './added-heap.js';
export { Channel } from './channel.js';
export type { ChannelOptions, Json, SendOptions } from './channel-options.js';
export { Channels } from './channels.js';
export { Delivery } from './delivery.js';
export { PAGE, systemHeapSections } from './heap-layout.js';
export { type HeapMemory, oneSlab } from './heap-memory.js';
export { Heaps } from './heaps.js';
export { Pool, type PoolOptions } from './pool.js';
export { Pools } from './pools.js';
export { heapSections } from './sections.js';
export { type Heap, SystemHeap } from './system-heap.js';
