// SPDX-License-Identifier: MIT
/**
 * heap/heap-names — which agent has added the heap of which name: one table for all agents.
 *
 *    FREE ── claim ─▶ BUILDING ── publish ─▶ LIVE(owner) ── removed by its owner, or by the owner's reaper ─▶ FREE
 *
 * Invariants  H1 a name is looked for and given in one hold of the table's lock: of two who add the same one, one gets it.
 *             H2 only its owner, or who reaps the owner, leads a row out of LIVE, by one store; no lock is needed for that.
 * Deaths      rank `heap`: LIVE rows of the dead become FREE. BUILDING ones nobody finds; the next who adds a heap discards them.
 *
 * Source  Linux dma_heap_add, which has looked and inserted in two holds of its lock for a long time.
 */

import { type Agent, tagSlot } from '../agent/index.js';
import { fail } from '../errors.js';
import { load, store } from '../mem/index.js';
import {
  HEAP_NAME_BYTES,
  HeapNameLayout,
  HeapNameSection,
  HeapNamesControlLayout,
  HeapNamesControlSection,
  MOST_HEAPS,
} from './heap-names-layout.js';
import { Registry } from './registry.js';

const heapName = HeapNameLayout.at;

export class HeapNames {
  readonly #registry: Registry;

  constructor(
    readonly agent: Agent,
    /** The one name that is always taken. */
    readonly system: string,
  ) {
    const { arena } = agent;
    const control = arena.base(HeapNamesControlSection);
    this.#registry = new Registry(agent, {
      rows: HeapNameSection.rows(arena.limits),
      base: arena.base(HeapNameSection),
      size: HeapNameLayout.size,
      lock: control + HeapNamesControlLayout.at.lock,
      used: control + HeapNamesControlLayout.at.used,
      state: heapName.state,
      openers: heapName.openers,
      name: heapName.name,
      nameBytes: HEAP_NAME_BYTES,
    });
    agent.reapers.register('heap', (_slot, tag) => this.#reap(tag));
  }

  /** @throws EINVAL */
  check(op: string, name: unknown): string {
    return this.#registry.checkName(op, name);
  }

  /** The name is this agent's from now on. @returns its row @throws EEXIST · ENFILE */
  add(op: string, name: string): number {
    try {
      return this.#add(op, name);
    } catch {
      // Who has it, or one of so many, may have died.
      this.agent.lookForDead();
      return this.#add(op, name);
    }
  }

  #add(op: string, name: string): number {
    const registry = this.#registry;
    return registry.locked(op, () => {
      if (name === this.system) throw taken(op, { heap: name });
      const other = registry.find(name); // H1
      if (other >= 0) throw taken(op, { heap: name, agent: this.#ownerOf(other) });
      const row = registry.claim(name, () => {});
      if (row < 0) {
        const why = `a domain has at most ${MOST_HEAPS} heaps, the system heap being one: remove some`;
        throw fail('ENFILE', op, { table: 'heaps', limit: MOST_HEAPS, heap: name }, { why });
      }
      store(this.agent.arena.words, registry.at(row) + heapName.owner, this.agent.tag);
      registry.publish(row);
      return row;
    });
  }

  /** A name of this agent's is free again. */
  remove(row: number): void {
    this.#registry.free(row); // H2
  }

  /** Name of the agent that has added the heap of that name; null = there is none. */
  owner(op: string, name: string): string | null {
    const row = this.#registry.locked(op, () => this.#registry.find(name));
    return row < 0 ? null : this.#ownerOf(row);
  }

  #ownerOf(row: number): string {
    return this.agent.slots.name(tagSlot(this.#ownerTag(row)));
  }

  #ownerTag(row: number): number {
    return load(this.agent.arena.words, this.#registry.at(row) + heapName.owner);
  }

  #reap(tag: number): number {
    this.#registry.eachLive((row) => {
      if (this.#ownerTag(row) === tag) this.#registry.free(row); // H2
    });
    return 0;
  }
}

function taken(op: string, at: Readonly<Record<string, string>>): Error {
  return fail('EEXIST', op, at, { why: 'there is a heap of that name: choose another one' });
}
