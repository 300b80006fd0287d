// SPDX-License-Identifier: MIT
/**
 * sync/sync-files — all sync files as one agent sees them.
 *
 * Making one costs nothing shared but its number: a row is made when it is first shared, and lives while some agent has the file
 * open or has a ticket for it on its way.
 *
 * Invariants  A reference with a row has this agent's bit in it, and is in `#byRow`. Of a row that lives, a failed fence stays
 *             readable: its name is registered.
 */

import type { Agent } from '../agent/index.js';
import { type BufferPorts, type Buffers, type DmaBuf, Tickets } from '../buf/index.js';
import { fail } from '../errors.js';
import { type AnyFence, Fence, type Fences } from '../fence/index.js';
import { nameable } from './fence-words.js';
import { FileRows } from './file-rows.js';
import { SyncControlLayout, SyncControlSection, SyncTicketSection } from './layout.js';
import { nameAfter } from './names.js';
import { makeSyncFile, type SyncFile } from './sync-file.js';
import { SyncReference } from './sync-reference.js';

/** The sync files of an agent, by its buffers. */
const rooms = new WeakMap<Buffers, SyncFiles>();

export class SyncFiles {
  readonly rows: FileRows;
  readonly tickets: Tickets<SyncReference>;
  readonly ports: BufferPorts;
  readonly #byRow = new Map<number, SyncReference>();
  /** What ends with this agent. */
  readonly #endings = new Set<() => void>();

  constructor(
    readonly agent: Agent,
    readonly fences: Fences,
    readonly buffers: Buffers,
  ) {
    this.ports = buffers.ports;
    this.rows = new FileRows(agent);
    this.tickets = new Tickets(agent, (reference: SyncReference) => this.drop(reference), {
      section: SyncTicketSection,
      control: SyncControlSection,
      used: SyncControlLayout.at.tickets,
    });
    rooms.set(buffers, this);
    fences.registerNames(() => this.rows.names());
    agent.onNote(() => this.tickets.sweep());
    agent.reapers.register('syncFiles', (slot, tag) => {
      this.tickets.reap(slot, tag);
      return this.rows.reap(slot);
    });
  }

  /** Those of the agent that has this buffer. @throws ESTALE closed */
  static of(op: string, buf: DmaBuf): SyncFiles {
    buf.use(op);
    const files = rooms.get(buf.buffers);
    if (files !== undefined) return files;
    throw fail('ENOTSUP', op, { buffer: buf.id }, { why: 'this agent has no sync files' });
  }

  /** A handle on a new sync file. @throws EXDEV the fence is of another domain, or agent · ESTALE */
  make(op: string, fence: AnyFence, userName: string): SyncFile {
    this.#check(op);
    if (fence.source !== null && fence.source !== this.fences) {
      const why = 'the fence object belongs to another agent: Fence.from(domain, fence.toJSON())';
      throw fail('EXDEV', op, fence.details, { why });
    }
    return this.handle(new SyncReference(this.rows.newId(), userName, fence));
  }

  handle(reference: SyncReference): SyncFile {
    reference.holders++;
    return makeSyncFile(this, reference);
  }

  // ------------------------------------------------------------------------------------------- in shared memory

  /** What it is called, in every agent. */
  nameOf({ userName, fence, id }: SyncReference): string {
    return userName === '' ? nameAfter(this.fences, fence, id) : userName;
  }

  /** Gives it a row, if it has none. @throws ENFILE */
  publish(op: string, reference: SyncReference): void {
    if (reference.shared) return;
    const { id, fence } = reference;
    const { name: fenceName, stands } = nameable(this.fences, fence);
    try {
      const name = this.nameOf(reference);
      const { row, generation } = this.rows.make(op, { id, name, fence: fenceName });
      reference.row = row;
      reference.generation = generation;
      this.#byRow.set(row, reference);
    } finally {
      stands();
    }
  }

  /** A handle on a sync file that somebody named; null when it is gone. */
  adopt(row: number, generation: number): SyncFile | null {
    const known = this.#byRow.get(row);
    if (known !== undefined) return known.generation === generation ? this.handle(known) : null;
    if (!this.rows.enter(row, generation)) return null;
    const { id, name, fence } = this.rows.facts(row);
    const domain = { name: '', agent: '', fences: this.fences };
    const reference = new SyncReference(id, name, Fence.from(domain, fence));
    reference.row = row;
    reference.generation = generation;
    this.#byRow.set(row, reference);
    return this.handle(reference);
  }

  /** One holder less; the last one gives the reference back. */
  drop(reference: SyncReference): void {
    if (--reference.holders > 0 || !reference.shared) return;
    this.#byRow.delete(reference.row);
    if (!this.agent.left) this.rows.leave(reference.row);
  }

  // ------------------------------------------------------------------------------------------- the end

  /** Runs `end` before this agent leaves. @returns takes that back */
  onClose(end: () => void): () => void {
    this.#endings.add(end);
    return () => void this.#endings.delete(end);
  }

  /** Before this agent leaves, and before its buffers are closed: they report the handles that are still open. */
  close(): void {
    for (const end of this.#endings) end();
  }

  /** @throws ESTALE */
  #check(op: string): void {
    if (this.agent.left) throw fail('ESTALE', op, {}, { why: 'this domain was closed here' });
  }
}
