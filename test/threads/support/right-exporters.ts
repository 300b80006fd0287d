// SPDX-License-Identifier: MIT
/** Exporters that do what they must. The wrong ones are these, but for one thing. */
import {
  type DmaBuf,
  DmaBufError,
  type Domain,
  type DynamicExportedBuf,
  type DynamicExporterOps,
  type HeldLock,
  type SourceSegment,
  type StaticExporterOps,
} from 'dmabuf';
import type { ExporterUnderTest } from 'dmabuf/testing';

/** More than a page, and no whole number of them. */
export const SIZE = 9000;

/** Where the memory of a buffer is now. */
export interface Home {
  at: DmaBuf;
}

type StaticOps = StaticExporterOps<Home>;
type DynamicOps = DynamicExporterOps<Home>;

export const whole = ({ at }: Home): SourceSegment[] => [{ of: at, offset: 0, length: at.size }];

/** A static exporter, with these of its callbacks different. */
export function staticExporter(
  domain: Domain,
  different: (home: Home) => Partial<StaticOps> = () => ({}),
): ExporterUnderTest {
  const home = { at: domain.alloc(SIZE, { name: 'home' }) };
  const ops: StaticOps = {
    map: () => whole(home),
    unmap() {},
    release: () => home.at.close(),
    ...different(home),
  };
  return { buf: domain.export({ exporter: 'camera', size: SIZE, priv: home, ops }) };
}

/** Its memory is in three places. */
export function scatteredExporter(domain: Domain): ExporterUnderTest {
  const places = [4096, 900, SIZE - 4996].map((size) => domain.alloc(size));
  const segments = places.map((of) => ({ of, offset: 0, length: of.size }));
  const ops = {
    map: () => segments,
    unmap() {},
    release: () => places.forEach((place) => place.close()),
  };
  return { buf: domain.export({ exporter: 'scattered', size: SIZE, priv: null, ops }) };
}

/** Its callbacks are methods that use what is private to their object. */
class Camera implements StaticExporterOps<null> {
  readonly #home: DmaBuf;
  #mapped = 0;

  constructor(home: DmaBuf) {
    this.#home = home;
  }

  map(): SourceSegment[] {
    this.#mapped++;
    return whole({ at: this.#home });
  }

  unmap(): void {
    if (this.#mapped-- === 0) throw new Error('unmap without map');
  }

  release(): void {
    this.#home.close();
  }
}

/** Nothing of it can be changed. */
export function frozenExporter(domain: Domain): ExporterUnderTest {
  const ops = Object.freeze(new Camera(domain.heap('system').alloc(SIZE)));
  const info = Object.freeze({ exporter: 'camera', size: SIZE, priv: null, ops });
  return { buf: domain.export(info) };
}

/** Every callback takes its time, the lock where it may, and memory of its own. */
export function slowExporter(domain: Domain): ExporterUnderTest {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const tables = new Map<readonly SourceSegment[], DmaBuf>();
  return staticExporter(domain, (home) => ({
    async attach({ buf }) {
      await turn();
      if (buf.closed) return;
      using lock = await buf.resv.lock({ recover: true });
      await turn();
      lock.reserve(1);
    },
    async map() {
      const table = domain.alloc(100, { name: 'table' });
      await turn();
      const segments = whole(home);
      tables.set(segments, table);
      return segments;
    },
    unmap(_, segments) {
      tables.get(segments)?.close();
      tables.delete(segments);
    },
    beginCpuAccess: async () => void (await turn()),
    detach: async () => void (await turn()),
  }));
}

/** Refuses devices that do not reach its memory. */
export const pickyExporter = (domain: Domain): ExporterUnderTest =>
  staticExporter(domain, () => ({
    attach({ device }) {
      if (device.caps.peerToPeer) throw DmaBufError.of('EBUSY', 'out of reach of peers');
    },
  }));

/** Has one mapping for all accesses of the CPU. */
export const viewingExporter = (domain: Domain): ExporterUnderTest =>
  staticExporter(domain, (home) => ({ vmap: () => whole(home), vunmap() {} }));

/** Keeps the first mapping of each attachment. */
export const cachingExporter = (domain: Domain): ExporterUnderTest =>
  staticExporter(domain, () => ({ cacheMapping: true }));

async function copy(from: DmaBuf, to: DmaBuf): Promise<void> {
  using source = await from.cpuAccess('read');
  using target = await to.cpuAccess('write');
  target.bytes.set(source.bytes);
}

/** What a dynamic exporter may do differently. */
export interface Mover {
  readonly domain: Domain;
  readonly home: Home;
  readonly buf: () => DynamicExportedBuf<Home>;
}

export interface Different {
  readonly ops?: Partial<DynamicOps>;
  readonly move?: (lock: HeldLock) => Promise<void>;
}

export function newPlace({ domain }: Mover): DmaBuf {
  return domain.alloc(SIZE, { name: 'place' });
}

/** The memory is at `next` from now on. */
export async function settle({ home }: Mover, next: DmaBuf, keep = true): Promise<void> {
  if (keep) await copy(home.at, next);
  home.at.close();
  home.at = next;
}

/** As it should be: memory first, which may not be there; then the importers; then the fences; then the bytes. */
export async function move(mover: Mover, lock: HeldLock): Promise<void> {
  const next = newPlace(mover);
  try {
    await mover.buf().moveNotify(lock);
    await lock.wait('bookkeep');
    await settle(mover, next);
  } catch (error) {
    next.close();
    throw error;
  }
}

/** A dynamic exporter, with some of it different. */
export function dynamicExporter(
  domain: Domain,
  different: (mover: Mover) => Different = () => ({}),
): ExporterUnderTest {
  const home = { at: domain.alloc(SIZE, { name: 'home' }) };
  const mover: Mover = { domain, home, buf: () => buf };
  const { ops, move: moveDifferently } = different(mover);
  const buf: DynamicExportedBuf<Home> = domain.dynamicExport<Home>({
    exporter: 'gpu-memory',
    size: SIZE,
    priv: home,
    ops: {
      map: () => whole(home),
      unmap() {},
      pin() {},
      unpin() {},
      release: () => home.at.close(),
      ...ops,
    },
  });
  return { buf, move: moveDifferently ?? ((lock) => move(mover, lock)) };
}

/** It stays where it is while the CPU accesses it. */
export function viewingMover(domain: Domain): ExporterUnderTest {
  return dynamicExporter(domain, (mover) => {
    let viewed = 0;
    return {
      ops: {
        vmap() {
          viewed++;
          return whole(mover.home);
        },
        vunmap: () => void viewed--,
      },
      async move(lock) {
        if (viewed > 0) throw DmaBufError.of('EBUSY', 'the CPU accesses it');
        await move(mover, lock);
      },
    };
  });
}

/** Its moves are over later than they say: a KERNEL fence tells when. */
export function lazyMover(domain: Domain): ExporterUnderTest {
  return dynamicExporter(domain, (mover) => ({
    async move(lock) {
      const next = newPlace(mover);
      try {
        await mover.buf().moveNotify(lock);
      } catch (error) {
        next.close();
        throw error;
      }
      const timeline = domain.timeline('copy engine');
      lock.reserve(1);
      const before = mover.buf().resv.singleton('bookkeep');
      const done = timeline.next();
      lock.addKernel(done);
      const old = mover.home.at;
      mover.home.at = next;
      void (async () => {
        await before.wait();
        await copy(old, next);
        old.close();
        timeline.signal(done);
        timeline.close();
      })();
    },
  }));
}
