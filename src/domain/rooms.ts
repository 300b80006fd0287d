// SPDX-License-Identifier: MIT
/**
 * domain/rooms — one agent's view of one arena: the rooms, built from the bottom up, and taken down from the top.
 */

import { Agent, type Identity, type Platform } from '../agent/index.js';
import { type BufferPorts, Buffers } from '../buf/index.js';
import { checkWait, fail } from '../errors.js';
import { Fences, type WaitOptions } from '../fence/index.js';
import { Channels, type Heap, type HeapMemory, Heaps, Pools, SystemHeap } from '../heap/index.js';
import type { Arena } from '../mem/index.js';
import { Reservations } from '../resv/index.js';
import { SyncFiles } from '../sync/index.js';

export class Rooms {
  readonly agent: Agent;
  readonly fences: Fences;
  readonly reservations: Reservations;
  readonly buffers: Buffers;
  readonly syncFiles: SyncFiles;
  readonly system: SystemHeap;
  /** By name. */
  readonly named: Heaps;
  readonly pools: Pools;
  readonly channels: Channels;

  /** Joins the arena as `who`. @throws ENFILE all slots are taken */
  constructor(
    readonly arena: Arena,
    heapMemory: HeapMemory,
    platform: Platform,
    who: Identity,
    ports: BufferPorts,
  ) {
    this.agent = new Agent(arena, platform, who);
    this.fences = new Fences(this.agent);
    this.reservations = new Reservations(this.agent, this.fences);
    this.buffers = new Buffers(this.agent, this.fences, this.reservations, ports);
    this.syncFiles = new SyncFiles(this.agent, this.fences, this.buffers);
    this.system = new SystemHeap(this.agent, this.buffers, heapMemory);
    this.named = new Heaps(this.system);
    this.pools = new Pools(this.agent, this.buffers, (size, alloc) =>
      this.system.alloc(size, alloc),
    );
    this.channels = new Channels(this.agent, this.buffers, this.reservations, this.fences);
    this.#tellLostLocks(ports);
    this.agent.listen();
  }

  /** The heaps that this agent can allocate from. */
  get heaps(): readonly Heap[] {
    return this.named.all;
  }

  #tellLostLocks({ stacks = false, onLeak }: BufferPorts): void {
    const { lost } = this.reservations;
    lost.debug = stacks;
    lost.listener = ({ row, stack }) => {
      const { buffer, reservation } = this.reservations.details(row);
      const leak = { kind: 'ResvLock', id: Number(buffer ?? reservation) };
      onLeak?.(stack === undefined ? leak : { ...leak, stack });
    };
  }

  /** Counts, as of now, the tickets and queued messages that name a generation of a buffer. */
  inFlight(): (row: number, generation: number) => number {
    const tickets = this.buffers.tickets.inFlight();
    const queued = this.channels.queued();
    return (row, generation) => (tickets.get(row) ?? 0) + queued(row, generation);
  }

  /** Until what was disposed here is truly gone. @throws ETIMEDOUT · the signal's reason */
  async idle(options: WaitOptions): Promise<void> {
    const op = 'Domain.idle';
    const limit = checkWait(op, options);
    const { signal } = options;
    await new Promise<void>((resolve, reject) => {
      const late = (): void => end(() => reject(fail('ETIMEDOUT', op)));
      const abort = (): void => end(() => reject(signal?.reason));
      const timer = limit === Infinity ? null : this.agent.platform.timer(limit, late);
      const end = (settle: () => void): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', abort);
        settle();
      };
      signal?.addEventListener('abort', abort);
      this.buffers.idle().then(
        () => {
          this.syncFiles.tickets.sweep();
          end(resolve);
        },
        (error: unknown) => end(() => reject(error)),
      );
    });
  }

  /** Leaves: what is still open here is closed from the top down, then the slot is freed. */
  close(): void {
    this.channels.close();
    this.pools.close();
    this.syncFiles.close();
    this.named.close();
    this.fences.close();
    this.reservations.lost.close();
    this.buffers.close();
    this.agent.leave(fail('ESTALE', 'Domain.close', {}, { why: 'the domain was closed here' }));
  }
}
