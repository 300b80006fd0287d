// SPDX-License-Identifier: MIT
/**
 * fence/handles — fence objects of this agent for records that other agents hand out.
 *
 * While a pending record has a handle here, this agent's bit stands in it, and it is not recycled: so the handle can still learn
 * error and time after the signal. There is one object per record. It lets go when it knows the outcome, or was collected.
 * Members of a container of this agent are pinned: the bit stands in them until the container is over, so that whoever opens the
 * container learns of them.
 *
 * Invariants  I12 a record of another generation means "signalled".
 *             Who has left holds nothing and changes nothing: the bits of its slot are somebody else's. Its handles only look.
 * Pairs       P5 see records.
 *             P8 handle: own bit, then the state ↔ recycler: state is SIGNALED, then the bits.
 */

import { type Fence, keep, openFence } from './fence.js';
import type { FenceSource } from './source.js';

const PAGE_BITS = 10;
const PAGE = 1 << PAGE_BITS;

interface Collected {
  readonly row: number;
  readonly ref: WeakRef<Fence>;
}

export class Handles {
  readonly #byRow = new Map<number, WeakRef<Fence>>();
  /** Pins per row, in pages. */
  readonly #pins: (Uint32Array | undefined)[] = [];
  readonly #registry = new FinalizationRegistry<Collected>(({ row, ref }) => {
    if (this.#byRow.get(row) === ref) this.#letGo(row);
  });

  constructor(readonly source: FenceSource) {}

  /** The fence of that name; null when its record was recycled. */
  open(row: number, generation: number): Fence | null {
    const known = this.#byRow.get(row)?.deref();
    if (known !== undefined) return known.generation === generation ? known : null;
    const { records } = this.source;
    this.#setHeld(row, true); // P8
    const outcome = records.outcomeOf(row, generation); // P8
    const timeline = records.contextOf(row);
    const seqno = records.seqnoOf(row);
    if (outcome !== null) {
      const recycled = !records.isCurrent(row, generation); // P5
      this.#letGo(row);
      if (recycled) return null;
    }
    const fence = openFence(this.source, timeline, seqno, row, generation);
    if (outcome !== null) {
      keep(fence, outcome.error, outcome.time);
      return fence;
    }
    const ref = new WeakRef(fence);
    this.#byRow.set(row, ref);
    this.#registry.register(fence, { row, ref });
    return fence;
  }

  /** Runs `change` while the row's fence, if it is pending, cannot give way to another. Not of who has left. */
  whileHeld(row: number, change: () => void): void {
    if (this.source.agent.left) return;
    this.#setHeld(row, true); // P8
    change();
    this.#clear(row);
  }

  /** The row is not recycled from now on; whether it was before, look afterwards. */
  pin(row: number): void {
    this.#setHeld(row, true); // P8
    const page = (this.#pins[row >>> PAGE_BITS] ??= new Uint32Array(PAGE));
    page[row & (PAGE - 1)] = this.#pinsOf(row) + 1;
  }

  /** What is over needs no hold for its handle either: that is kept by its container, and may never be asked again. */
  unpin(row: number): void {
    const page = this.#pins[row >>> PAGE_BITS];
    const pins = this.#pinsOf(row);
    if (page === undefined || pins === 0) return;
    page[row & (PAGE - 1)] = pins - 1;
    if (pins > 1) return;
    void this.#byRow.get(row)?.deref()?.signaled;
    this.#clear(row);
  }

  #pinsOf(row: number): number {
    return this.#pins[row >>> PAGE_BITS]?.[row & (PAGE - 1)] ?? 0;
  }

  /** The object knows its outcome. Objects that are not ours are ignored. */
  release(row: number, fence: object): void {
    if (this.#byRow.get(row)?.deref() === fence) this.#letGo(row);
  }

  /** This agent leaves: from now on the bits of its slot are somebody else's. */
  leave(): void {
    this.#byRow.clear();
    this.#pins.length = 0;
  }

  #letGo(row: number): void {
    this.#byRow.delete(row);
    this.#clear(row);
  }

  #clear(row: number): void {
    if (this.#byRow.has(row) || this.#pinsOf(row) > 0) return;
    this.#setHeld(row, false);
  }

  #setHeld(row: number, held: boolean): void {
    const { records, agent } = this.source;
    if (!agent.left) records.setHeld(row, agent.slot, held);
  }
}
