// SPDX-License-Identifier: MIT
/** A driver for tests whose objects are memory of the system heap: it writes down each callback. */
import type { DmaBuf } from '../../../src/buf/index.js';
import type { Timeline } from '../../../src/fence/index.js';
import {
  PrimeDevice,
  type PrimeDomain,
  type PrimeDriver,
  type PrimeImport,
} from '../../../src/prime/index.js';
import type { Reservation } from '../../../src/resv/index.js';

/** Memory of the device, or of somebody else. */
export interface Bo {
  readonly memory: DmaBuf | null;
  readonly imported: PrimeImport | null;
}

export interface Vgem {
  readonly device: PrimeDevice<Bo>;
  /** "open 1": the callback, and the client. */
  readonly calls: string[];
  /** Objects that the driver has. */
  readonly bos: Set<Bo>;
  create(size?: number): Bo;
}

interface Heap {
  alloc(size: number): DmaBuf;
}

/** @param more  callbacks in place of its own; undefined = the driver has none */
export function vgem(
  domain: PrimeDomain,
  heap: Heap,
  more: { [K in keyof PrimeDriver<Bo>]?: PrimeDriver<Bo>[K] | undefined } = {},
): Vgem {
  const calls: string[] = [];
  const bos = new Set<Bo>();
  const keep = (bo: Bo): Bo => {
    bos.add(bo);
    return bo;
  };
  const driver = {
    name: 'vgem',
    export(bo: Bo) {
      calls.push('export');
      return {
        size: sizeOf(bo),
        ops: {
          map: () => [{ of: bo.memory as DmaBuf, offset: 0, length: sizeOf(bo) }],
          unmap() {},
        },
      };
    },
    import(imported: PrimeImport) {
      calls.push('import');
      return keep({ memory: null, imported });
    },
    open: (_bo: Bo, { id }: { id: number }) => void calls.push(`open ${id}`),
    close: (_bo: Bo, { id }: { id: number }) => void calls.push(`close ${id}`),
    free(bo: Bo) {
      calls.push('free');
      bos.delete(bo);
      bo.memory?.close();
    },
    ...more,
  };
  const device = new PrimeDevice<Bo>(domain, driver as PrimeDriver<Bo>);
  const create = (size = 4096): Bo => keep({ memory: heap.alloc(size), imported: null });
  return { device, calls, bos, create };
}

const sizeOf = ({ memory }: Bo): number => memory?.size ?? 0;

/** Work of a device that reads or writes begins. @returns ends it */
export async function begin(
  timeline: Timeline,
  resv: Reservation,
  usage: 'read' | 'write',
): Promise<() => void> {
  const point = timeline.next();
  using lock = await resv.lock();
  lock.reserve(1);
  lock.add(point, usage);
  return () => timeline.signal(point);
}

/** The object's first byte, as its device sees it. */
export async function peek({ memory, imported }: Bo): Promise<number | undefined> {
  if (memory === null) return imported?.mapping.bytes[0];
  using access = await memory.cpuAccess('read');
  return access.bytes[0];
}

export async function poke({ memory, imported }: Bo, value: number): Promise<void> {
  if (memory === null) {
    imported?.mapping.bytes.fill(value);
    return;
  }
  using access = await memory.cpuAccess('write');
  access.bytes.fill(value);
}
