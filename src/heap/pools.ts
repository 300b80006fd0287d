// SPDX-License-Identifier: MIT
/**
 * heap/pools — the pools of one agent, and what happens to pools when an agent dies.
 *
 * Deaths      rank `channels`, after references: the dead's bit goes, whoever was closing is taken over, and a pool that nobody has
 *             open any more is closed. All of it may be done again.
 */

import type { Agent } from '../agent/index.js';
import type { AllocOptions, Buffers, DmaBuf } from '../buf/index.js';
import { checkInteger, checkObject, fail, shown } from '../errors.js';
import { makePool, type Pool, type PoolOptions } from './pool.js';
import { PoolLink } from './pool-link.js';
import { type PoolFacts, PoolTable } from './pool-table.js';

const OP = 'Domain.pool';

/** Makes a buffer of a pool. */
export type PoolAlloc = (size: number, options: AllocOptions) => DmaBuf;

export class Pools {
  readonly table: PoolTable;
  readonly #links = new Map<number, PoolLink>();
  readonly #open = new Set<Pool>();
  #closed = false;

  constructor(
    readonly agent: Agent,
    readonly buffers: Buffers,
    readonly alloc: PoolAlloc,
  ) {
    this.table = new PoolTable(agent, buffers);
    buffers.registerPools({
      mayRest: (pool) => this.table.isLive(pool),
      rested: (pool, row) => this.#rested(pool, row),
    });
    agent.reapers.register('channels', (slot) => this.#reap(slot));
  }

  /**
   * `count` equal buffers, made once. The same name is the same pool, in every agent.
   * @throws EINVAL other size, count or heap than the existing one · ENOENT no such heap · ENOMEM · ENFILE · EDEADLK asked for while
   *         this thread makes one
   */
  open(options: PoolOptions): Pool {
    checkObject(OP, 'options', options);
    if (this.#closed) throw fail('ESTALE', OP, {}, { why: 'the domain was closed here' });
    const name = this.table.registry.checkName(OP, options.name);
    const count = checkInteger(OP, 'count', options.count, 1, this.agent.arena.limits.buffers);
    const size = checkInteger(OP, 'size', options.size, 1);
    const link = this.table.registry.locked(OP, () =>
      this.#find(name, { count, size }, options.heap),
    );
    const pool = makePool(this, link);
    this.#open.add(pool);
    return pool;
  }

  #find(name: string, facts: PoolFacts, heap: string | undefined): PoolLink {
    const row = this.table.registry.find(name);
    if (row < 0) return this.#remember(this.#make(name, facts, heap));
    const known = { ...this.table.facts(row), heap: this.buffers.heap.name };
    const asked = { ...facts, heap: heap === undefined ? known.heap : heap };
    for (const key of ['count', 'size', 'heap'] as const) {
      if (known[key] === asked[key]) continue;
      const why = `the pool exists, with ${key} ${known[key]}`;
      throw fail('EINVAL', OP, { pool: name, [key]: shown(asked[key]) }, { why });
    }
    const link = this.#links.get(row);
    if (link !== undefined) return link;
    // Its last opener may be leaving right now.
    return this.#remember(this.table.enter(row) ? row : this.#make(name, facts, heap));
  }

  #remember(row: number): PoolLink {
    const link = new PoolLink(this, row);
    this.#links.set(row, link);
    return link;
  }

  #make(name: string, facts: PoolFacts, heap: string | undefined): number {
    const { registry } = this.table;
    const known = this.buffers.heap.name;
    if (heap !== undefined && heap !== known) {
      const why = `pools are made of the system heap: leave it out, or say "${known}"`;
      throw fail('ENOENT', OP, { pool: name, heap: shown(heap) }, { why });
    }
    const row = this.table.claim(name, facts);
    if (row < 0) {
      const why = 'all pools are taken: close some, or raise limits.channels';
      throw fail('ENFILE', OP, { table: 'pools', limit: registry.table.rows, pool: name }, { why });
    }
    const buffers: DmaBuf[] = [];
    try {
      while (buffers.length < facts.count) buffers.push(this.alloc(facts.size, { name }));
    } catch (error) {
      for (const buf of buffers) buf.close();
      this.table.abandon(row);
      throw error;
    }
    this.table.publish(
      row,
      buffers.map((buf) => buf.row),
    );
    for (const buf of buffers) buf.close();
    return row;
  }

  /** A handle was closed. @internal */
  release(link: PoolLink, pool: Pool): void {
    this.#open.delete(pool);
    if (this.agent.left) return;
    link.line.ringOwn();
    if (--link.handles > 0) return;
    this.#links.delete(link.row);
    this.table.leave(link.row, this.agent.slot);
  }

  /** This agent leaves: closes what is open, and nothing is opened any more, as nobody would close it. */
  close(): void {
    this.#closed = true;
    for (const pool of this.#open) pool.close();
  }

  #rested(pool: number, row: number): void {
    if (!this.table.keeps(pool, row)) this.buffers.retire(row);
    // The line of this agent knows who of its own waits; an agent that has not opened the pool has nobody.
    else (this.#links.get(pool) ?? new PoolLink(this, pool)).announceRest();
  }

  #reap(slot: number): number {
    for (let row = 0, { used } = this.table.registry; row < used; row++) {
      this.table.finishFor(row, slot);
      this.table.leave(row, slot);
    }
    this.table.retireStrays();
    return 0;
  }
}
