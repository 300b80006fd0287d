// SPDX-License-Identifier: MIT
/**
 * heap/system-heap — buffers in a few big SharedArrayBuffers, the slabs: the static exporter that needs no calls.
 *
 * Its state is wholly shared, so each agent runs its code itself. From taking pages to a LIVE buffer, and back, a death leaves
 * either a CLAIMED run, or a row that names its run, never neither: the row names the run before the run is USED, and the run is
 * CLAIMED again before the row forgets it.
 *
 * Memory that was handed out before is zeroed; what never was is zero, and is not touched: a page costs memory when it is first
 * touched. Large runs give theirs back to the system, where that can be done: while they are CLAIMED, before they are free for others,
 * and outside of the lock. Whoever dies first leaves a run that costs memory until it is used and freed once more. Small ones leave it
 * in the free run that they become part of, until that has 1 MiB of it: then it is given back as a whole, inside of the lock, as
 * taking free memory away for a moment would make others fail.
 *
 * Source  Linux drivers/dma-buf/heaps/system_heap.c, struct dma_heap.
 */

import type { Agent } from '../agent/index.js';
import {
  type AllocOptions,
  type Buffers,
  type DmaBuf,
  Phase,
  phaseOf,
  type SharedExporter,
} from '../buf/index.js';
import { checkInteger, checkObject, fail } from '../errors.js';
import { HeapLayout, HeapSection, PAGE, PageSection } from './heap-layout.js';
import { HeapLock } from './heap-lock.js';
import type { HeapMemory } from './heap-memory.js';
import { lengthOf, Runs } from './runs.js';
import { MANY, Slabs } from './slabs.js';

/** Memory that buffers come from. (struct dma_heap) */
export interface Heap {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly used: number;
  /** Bytes of the largest buffer that could be made now. @throws ESTALE */
  readonly largestFree: number;
  /** A zeroed buffer. @throws ENOMEM · ENFILE · EINVAL · ESTALE the domain was closed here @source DMA_HEAP_IOCTL_ALLOC */
  alloc(size: number, options?: Omit<AllocOptions, 'heap'>): DmaBuf;
}

/** In the row of a buffer: this heap is its exporter. */
const EXPORTER = {
  exporter: 0,
  exporterName: 'system',
  dynamic: false,
  caches: false,
  vmaps: false,
  mmaps: true,
  sealed: false,
  callTimeout: Infinity,
} as const;
/** Buffers that an ENOMEM names. */
const SHOWN = 3;

export class SystemHeap implements Heap, SharedExporter {
  readonly name = EXPORTER.exporterName;
  readonly size: number;
  readonly #slabs: Slabs;
  readonly #runs: Runs;
  readonly #lock: HeapLock;

  constructor(
    readonly agent: Agent,
    readonly buffers: Buffers,
    memory: HeapMemory,
  ) {
    const { arena } = agent;
    const base = arena.base(HeapSection);
    this.#slabs = new Slabs(memory, arena.limits.pages);
    const { pages, slabPages } = this.#slabs;
    this.size = pages * PAGE;
    this.#runs = new Runs(arena.words, base, arena.base(PageSection), pages, slabPages);
    this.#lock = new HeapLock(agent, base + HeapLayout.at.lock);
    if (!this.#runs.ready) this.#locked((runs) => runs.prepare());
    buffers.registerHeap(this);
    agent.reapers.register('heap', (slot) => {
      this.#locked((runs) => runs.reclaim(slot));
      this.#lock.wake();
      return 0;
    });
  }

  #locked<T>(work: (runs: Runs) => T): T {
    const torn = this.#lock.enter();
    try {
      if (torn) this.#runs.rebuild();
      return work(this.#runs);
    } finally {
      this.#lock.leave();
    }
  }

  /** Bytes in use, in whole pages. */
  get used(): number {
    return this.#runs.used * PAGE;
  }

  get largestFree(): number {
    this.#check('Heap.largestFree');
    return this.#locked((runs) => runs.longest()) * PAGE;
  }

  // ------------------------------------------------------------------------------------------- alloc

  /**
   * A zeroed buffer. Never waits.
   * @throws ENOMEM · ENFILE · EINVAL · EXDEV · ESTALE the domain was closed here
   * @example using frame = domain.heap("system").alloc(1920 * 1080 * 4);
   * @source DMA_HEAP_IOCTL_ALLOC
   */
  alloc(size: number, options: Omit<AllocOptions, 'heap'> = {}): DmaBuf {
    const op = 'Heap.alloc';
    this.#check(op);
    checkObject(op, 'options', options);
    const { buffers } = this;
    buffers.checkNew(op, options);
    const pages = Math.ceil(checkInteger(op, 'size', size, 1) / PAGE);
    const row = buffers.begin(op, { size, name: options.name, resv: options.resv }, EXPORTER);
    let first: number;
    try {
      first = this.#takeOrRecover(op, pages, size);
    } catch (error) {
      buffers.abandon(row);
      throw error;
    }
    buffers.place(row, first, pages);
    this.#runs.use(first);
    return buffers.handle(buffers.publish(row));
  }

  /** A heap may be kept for longer than its agent is there: the slot is somebody else's then. */
  #check(op: string): void {
    if (!this.agent.left) return;
    throw fail('ESTALE', op, { heap: this.name }, { why: 'the domain was closed here' });
  }

  /** What waits to be released may be what is missing. */
  #takeOrRecover(op: string, pages: number, size: number): number {
    const first = this.#take(pages);
    if (first >= 0) return first;
    if (pages <= this.#runs.slabPages) {
      this.agent.flush();
      this.agent.lookForDead();
      const second = this.#take(pages);
      if (second >= 0) return second;
    }
    throw this.#exhausted(op, size);
  }

  /** A zeroed run, CLAIMED; -1 = there is none. */
  #take(pages: number): number {
    if (pages > this.#runs.slabPages) return -1;
    const torn = this.#lock.enter();
    let first: number;
    let fresh: number;
    try {
      if (torn) this.#runs.rebuild();
      ({ fresh } = this.#runs);
      first = this.#runs.take(pages, this.agent.slot);
    } finally {
      this.#lock.leave();
    }
    if (first >= 0) this.#slabs.zero(first, Math.min(first + pages, fresh) - first);
    return first;
  }

  #exhausted(op: string, size: number): Error {
    const { used, largestFree } = this;
    const at = { heap: this.name, size, used, free: this.size - used, largestFree };
    const biggest = this.#biggest();
    const slab = this.#runs.slabPages * PAGE;
    const why =
      size > slab && slab < this.size
        ? `a buffer lies in one slab of the heap, and a slab has ${slab} bytes: make several buffers`
        : 'not enough heap: close buffers, or make the domain with a larger heap';
    return fail('ENOMEM', op, biggest === '' ? at : { ...at, biggest }, { why });
  }

  /** The largest buffers, and who refers to them. */
  #biggest(): string {
    const { rows, life } = this.buffers;
    const found: { readonly row: number; readonly size: number }[] = [];
    for (let row = 0; row < life.used; row++) {
      const phase = phaseOf(life.of(row));
      if (rows.word(row, 'exporter') !== 0 || (phase !== Phase.LIVE && phase !== Phase.IDLE))
        continue;
      found.push({ row, size: rows.size(row) });
    }
    found.sort((a, b) => b.size - a.size);
    return found
      .slice(0, SHOWN)
      .map(({ row, size }) => `${rows.name(row) ?? rows.id(row)} ${size} (${this.#holders(row)})`)
      .join(', ');
  }

  #holders(row: number): string {
    const { slots } = this.agent;
    const names: string[] = [];
    for (let slot = 0; slot < slots.used; slot++) {
      if (this.buffers.life.refers(slot, row)) names.push(slots.name(slot));
    }
    return names.length === 0 ? 'in a pool or a queue' : names.join(' ');
  }

  // ------------------------------------------------------------------------------------------- as exporter

  bytes(first: number, size: number): Uint8Array {
    return this.#slabs.bytes(first, size);
  }

  /** The row is RELEASING in this agent's name. */
  release(row: number): void {
    const { rows } = this.buffers;
    const pages = rows.word(row, 'pages');
    if (pages === 0) return;
    const first = rows.word(row, 'page');
    this.#runs.claim(first, this.agent.slot);
    rows.setWord(row, 'pages', 0);
    const clean = this.#slabs.giveBack(first, pages);
    this.#locked((runs) => this.#trim(runs, runs.give(first, clean)));
  }

  /** What small buffers have left in a free run goes back when it is much: here nobody can have it meanwhile. */
  #trim(runs: Runs, first: number): void {
    if (runs.dirty(first) < MANY) return;
    if (this.#slabs.giveBack(first, lengthOf(runs.head(first)))) runs.clean(first);
  }
}
