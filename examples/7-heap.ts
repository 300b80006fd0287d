// SPDX-License-Identifier: MIT
// 7. A heap of your own. Its buffers are those of a static exporter as it should be: memory in chunks, a table for each attachment,
// mappings that are counted, and CPU access that syncs the devices which have the buffer mapped.
import {
  type AttachmentInfo,
  type CpuIntent,
  type DmaBuf,
  DmaBufError,
  type Domain,
  type ExportedBuf,
  type HeapInfo,
  type SourceSegment,
  type StaticExporterOps,
} from 'dmabuf';

/** Bytes of a chunk, the largest first. */
const ORDERS = [1 << 20, 1 << 16, 1 << 12] as const;

/** What one device has of the buffer: addresses are its own, so the table is no other attachment's. */
interface Table {
  readonly segments: readonly SourceSegment[];
  /** Two maps of one attachment have one table: the first unmap must not take it from the second. */
  maps: number;
}

/** Where a real device's caches would be cleaned or invalidated. */
export type Sync = (device: string, side: 'for-cpu' | 'for-device', intent: CpuIntent) => void;

/** One buffer. Callbacks of one agent do not interrupt each other, so there is no mutex. */
class Chunks implements StaticExporterOps<null> {
  readonly #chunks: DmaBuf[] = [];
  readonly #tables = new Map<AttachmentInfo<null>, Table>();

  constructor(
    domain: Domain,
    size: number,
    readonly sync: Sync,
  ) {
    try {
      for (let left = size; left > 0; left -= this.#chunks.at(-1)?.size ?? left) {
        this.#chunks.push(chunk(domain, left));
      }
    } catch (error) {
      this.release(); // what it had got already
      throw error;
    }
  }

  get #segments(): SourceSegment[] {
    return this.#chunks.map((of) => ({ of, offset: 0, length: of.size }));
  }

  attach(att: AttachmentInfo<null>): void {
    this.#tables.set(att, { segments: this.#segments, maps: 0 });
  }

  detach(att: AttachmentInfo<null>): void {
    this.#tables.delete(att);
  }

  #table(att: AttachmentInfo<null>): Table {
    const table = this.#tables.get(att);
    if (table === undefined) throw DmaBufError.of('EINVAL', 'not attached');
    return table;
  }

  map(att: AttachmentInfo<null>): readonly SourceSegment[] {
    const table = this.#table(att);
    if (table.maps++ === 0) this.sync(att.device.name, 'for-device', 'read-write');
    return table.segments;
  }

  unmap(att: AttachmentInfo<null>): void {
    const table = this.#table(att);
    if (--table.maps === 0) this.sync(att.device.name, 'for-cpu', 'read-write');
  }

  #syncMapped(side: 'for-cpu' | 'for-device', intent: CpuIntent): void {
    for (const [{ device }, { maps }] of this.#tables) {
      if (maps > 0) this.sync(device.name, side, intent);
    }
  }

  beginCpuAccess(_: ExportedBuf<null>, intent: CpuIntent): void {
    this.#syncMapped('for-cpu', intent);
  }

  endCpuAccess(_: ExportedBuf<null>, intent: CpuIntent): void {
    this.#syncMapped('for-device', intent);
  }

  // The library counts the accesses: one mapping for all of them.
  vmap(): readonly SourceSegment[] {
    return this.#segments;
  }

  vunmap(): void {}

  release(): void {
    for (const of of this.#chunks) of.close();
  }
}

/** Zeroed, and as large as there is one: where memory is in pieces, smaller ones do. */
function chunk(domain: Domain, left: number): DmaBuf {
  for (const order of ORDERS) {
    if (order > left && order !== ORDERS[2]) continue;
    try {
      return domain.alloc(Math.min(order, left), { name: 'chunk' });
    } catch (error) {
      if (!DmaBufError.is(error, 'ENOMEM') || order === ORDERS[2]) throw error;
    }
  }
  throw DmaBufError.of('ENOMEM', 'no chunk');
}

/** To be added by `domain.addHeap()`. */
export function chunkHeap(domain: Domain, name: string, sync: Sync = () => {}): HeapInfo {
  return {
    name,
    allocate(size, options) {
      const ops = new Chunks(domain, size, sync);
      try {
        return domain.export({ exporter: name, size, priv: null, ops, ...options });
      } catch (error) {
        ops.release();
        throw error;
      }
    },
  };
}

/** For the conformance kit: see 7-tests.ts. */
export function makeExporter(domain: Domain) {
  const heap = domain.addHeap(chunkHeap(domain, 'chunks'));
  try {
    return { buf: heap.alloc(9000) };
  } finally {
    heap.close(); // its buffers live on
  }
}
