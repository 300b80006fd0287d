// SPDX-License-Identifier: MIT
/**
 * heap/heaps — the heaps of one agent by name: the system heap, and those that it has added.
 *
 * The names are the domain's, `allocate` is its agent's: who asks for a heap of another agent's learns whose it is. Making buffers
 * never waits, and running code of another agent would.
 */

import { checkInteger, checkObject, fail, shown } from '../errors.js';
import { type AddedHeap, type HeapInfo, makeAddedHeap } from './added-heap.js';
import { HeapNames } from './heap-names.js';
import type { Heap, SystemHeap } from './system-heap.js';

export class Heaps {
  readonly #names: HeapNames;
  readonly #added = new Map<string, AddedHeap>();

  constructor(readonly system: SystemHeap) {
    this.#names = new HeapNames(system.agent, system.name);
  }

  /** The heaps that this agent can allocate from. */
  get all(): readonly Heap[] {
    return [this.system, ...this.#added.values()];
  }

  /** @throws EINVAL · EEXIST · ENFILE */
  add(op: string, info: HeapInfo): AddedHeap {
    checkObject(op, 'info', info);
    const name = this.#names.check(op, info.name);
    const { allocate } = info as { readonly allocate?: unknown };
    if (typeof allocate !== 'function') {
      const why = 'allocate must be a function that makes a buffer';
      throw fail('EINVAL', op, { heap: name, allocate: shown(allocate) }, { why });
    }
    const size = checkInteger(op, 'size', info.size ?? this.system.size, 1);
    const row = this.#names.add(op, name);
    const made = { name, size, allocate: info.allocate.bind(info) };
    const heap = makeAddedHeap(this.system, made, () => {
      this.#added.delete(name);
      this.#names.remove(row);
    });
    this.#added.set(name, heap);
    return heap;
  }

  /** @throws ENOENT · EXDEV another agent has added it */
  find(op: string, name: string): Heap {
    if (name === this.system.name) return this.system;
    const added = this.#added.get(name);
    if (added !== undefined) return added;
    const owner = typeof name === 'string' ? this.#names.owner(op, name) : null;
    if (owner === null) throw fail('ENOENT', op, { heap: shown(name) });
    const why = 'the heap allocates in the agent that added it: let that one send you a buffer';
    throw fail('EXDEV', op, { heap: name, agent: owner }, { why });
  }

  /** This agent leaves: what it has added is gone. */
  close(): void {
    for (const heap of this.#added.values()) heap.close();
  }
}
