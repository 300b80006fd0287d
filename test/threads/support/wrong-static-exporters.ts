// SPDX-License-Identifier: MIT
/** Static exporters that break one rule each. */
import { type CpuAccess, type DmaBuf, DmaBufError } from 'dmabuf';
import type { ExporterUnderTest } from 'dmabuf/testing';
import { SIZE, staticExporter, whole } from './right-exporters.js';
import {
  clear,
  copyNow,
  PATIENCE,
  slow,
  turn,
  type WrongExporter,
  wrong,
} from './wrong-exporter.js';

/** Buffers that come with a mapping, and go with it. */
class Companions {
  readonly #open = new Map<object, readonly DmaBuf[]>();

  keep(mapping: object, bufs: readonly DmaBuf[]): void {
    this.#open.set(mapping, bufs);
  }

  close(mapping: object): void {
    for (const buf of this.#open.get(mapping) ?? []) buf.close();
    this.#open.delete(mapping);
  }
}

const segment = (of: DmaBuf) => [{ of, offset: 0, length: of.size }];

export const wrongStatic: readonly WrongExporter[] = [
  wrong('made-here', 'is closed already', (domain) => {
    const made = staticExporter(domain);
    made.buf.close();
    return made;
  }),
  wrong('made-here', 'has not all callbacks', (domain) =>
    staticExporter(domain, () => ({ unmap: undefined as unknown as () => void })),
  ),
  wrong('made-here', 'is nothing', () => ({}) as ExporterUnderTest),
  wrong('covers-size', 'forgets the last page', (domain) =>
    staticExporter(domain, ({ at }) => ({ map: () => [{ of: at, offset: 0, length: 8192 }] })),
  ),
  wrong('covers-size', 'gives the first half twice', (domain) =>
    staticExporter(domain, ({ at }) => {
      const half = { of: at, offset: 0, length: SIZE / 2 };
      return { map: () => [half, half] };
    }),
  ),
  wrong(
    'same-bytes',
    'gives a copy to whoever comes while somebody else is there',
    (domain) =>
      staticExporter(domain, (home) => {
        const companions = new Companions();
        let open = 0;
        return {
          map() {
            if (open++ === 0) return whole(home);
            const copy = domain.alloc(SIZE);
            copyNow(home.at, copy);
            const segments = segment(copy);
            companions.keep(segments, [copy]);
            return segments;
          },
          unmap(_, segments) {
            open--;
            companions.close(segments);
          },
        };
      }),
    ['every-direction', 'one-unmap-one-mapping', 'side-by-side'],
  ),
  wrong('keeps-content', 'clears its memory before the second mapping of an attachment', (domain) =>
    staticExporter(domain, (home) => {
      const mapped = new Map<object, { times: number; open: number }>();
      const of = (att: object) => {
        const counts = mapped.get(att) ?? { times: 0, open: 0 };
        mapped.set(att, counts);
        return counts;
      };
      return {
        map(att) {
          const counts = of(att);
          if (counts.times++ > 0 && counts.open === 0) clear(home.at);
          counts.open++;
          return whole(home);
        },
        unmap: (att) => void of(att).open--,
      };
    }),
  ),
  wrong('every-direction', 'has a bounce buffer that never comes back', (domain) =>
    staticExporter(domain, (home) => {
      const companions = new Companions();
      return {
        map(_, direction) {
          if (direction !== 'from-device') return whole(home);
          const bounce = domain.alloc(SIZE);
          const segments = segment(bounce);
          companions.keep(segments, [bounce]);
          return segments;
        },
        unmap(_, segments) {
          companions.close(segments);
        },
      };
    }),
  ),
  wrong('one-unmap-one-mapping', 'clears its memory when an importer unmaps', (domain) =>
    staticExporter(domain, ({ at }) => {
      const open = new Map<object, number>();
      return {
        map(att) {
          open.set(att, (open.get(att) ?? 0) + 1);
          return segment(at);
        },
        unmap(att) {
          const left = (open.get(att) ?? 0) - 1;
          open.set(att, left);
          if (left > 0) clear(at);
        },
      };
    }),
  ),
  wrong(
    'unmap-gives-back',
    'forgets the table that it made for a mapping',
    (domain) =>
      staticExporter(domain, (home) => ({
        map() {
          domain.alloc(100, { name: 'table' });
          return whole(home);
        },
      })),
    ['cpu-access-ends', 'release-frees-all'],
  ),
  wrong('unmap-gives-back', 'keeps one table per attachment', (domain) =>
    staticExporter(domain, (home) => {
      const tables = new Map<object, DmaBuf>();
      return {
        async map(att) {
          tables.set(att, domain.alloc(100, { name: 'table' }));
          await turn();
          return whole(home);
        },
        unmap(att) {
          tables.get(att)?.close();
          tables.delete(att);
        },
      };
    }),
  ),
  wrong(
    'detach-gives-back',
    'forgets what it made for an attachment',
    (domain) => staticExporter(domain, () => ({ attach: () => void domain.alloc(100) })),
    ['cpu-access-ends', 'release-frees-all'],
  ),
  wrong(
    'attach-again',
    'ends with its last importer',
    (domain) =>
      staticExporter(domain, (home) => {
        let attached = 0;
        return {
          attach: () => void attached++,
          detach() {
            if (--attached === 0) home.at.close();
          },
        };
      }),
    ['every-direction', 'cpu-access-ends', 'outlives-its-handle'],
  ),
  wrong('outlives-its-handle', 'uses its handle in callbacks', (domain) =>
    staticExporter(domain, () => ({
      attach: ({ buf }) => void buf.resv.test('kernel'),
    })),
  ),
  wrong('cpu-access-ends', 'refuses a second access', (domain) => {
    let accessed = false;
    return staticExporter(domain, () => ({
      beginCpuAccess() {
        if (accessed) throw DmaBufError.of('EBUSY', 'it is in use');
        accessed = true;
      },
      endCpuAccess() {
        accessed = false;
      },
    }));
  }),
  wrong(
    'cpu-access-ends',
    'never ends what begin began',
    (domain) => {
      const begun: CpuAccess[] = [];
      return staticExporter(domain, ({ at }) => ({
        beginCpuAccess: () => void begun.push(at.cpuAccessSync('read')),
      }));
    },
    ['release-frees-all'],
  ),
  wrong('side-by-side', 'knows one attachment at a time', (domain) => {
    let current: object | null = null;
    return staticExporter(domain, () => ({
      async attach(att) {
        current = att;
        await turn();
        if (current !== att) throw DmaBufError.of('EBUSY', 'one at a time');
      },
    }));
  }),
  wrong('typed-errors', 'refuses with an error of its own', (domain) =>
    staticExporter(domain, () => ({
      attach({ device }) {
        if (device.caps.maxSegments === 1) throw new Error('we have two pieces');
      },
    })),
  ),
  wrong('never-fails', 'throws in unmap', (domain) =>
    staticExporter(domain, () => ({
      unmap() {
        throw new Error('no such table');
      },
    })),
  ),
  wrong('never-fails', 'rejects in detach', (domain) =>
    staticExporter(domain, () => ({
      detach: async () => {
        await turn();
        throw new Error('no such device');
      },
    })),
  ),
  slow('answers-in-time', 'never answers', (domain) =>
    staticExporter(domain, () => ({ attach: () => new Promise<void>(() => {}) })),
  ),
  slow('answers-in-time', 'blocks its thread', (domain) =>
    staticExporter(domain, (home) => ({
      map() {
        const word = new Int32Array(new SharedArrayBuffer(4));
        Atomics.wait(word, 0, 0, 1.5 * PATIENCE);
        return whole(home);
      },
    })),
  ),
  slow('leaves-no-lock', 'locks in detach, and forgets', (domain) =>
    staticExporter(domain, () => ({
      detach({ buf }) {
        if (!buf.closed) buf.resv.tryLock();
      },
    })),
  ),
  slow('fences-end', 'adds a fence that nobody signals', (domain) => {
    const timeline = domain.timeline('forgotten');
    return staticExporter(domain, () => ({
      async attach({ buf }) {
        if (buf.closed) return;
        using lock = await buf.resv.lock({ recover: true });
        lock.reserve(1);
        lock.add(timeline.next(), 'bookkeep');
      },
    }));
  }),
  wrong(
    'undone-on-ENOMEM',
    'loses the first table when there is no memory for the second',
    (domain) =>
      staticExporter(domain, (home) => {
        const companions = new Companions();
        return {
          map() {
            const segments = whole(home);
            companions.keep(segments, [domain.alloc(100), domain.alloc(100)]);
            return segments;
          },
          unmap(_, segments) {
            companions.close(segments);
          },
        };
      }),
  ),
  wrong('undone-on-ENOMEM', 'calls it something else', (domain) =>
    staticExporter(domain, (home) => ({
      map() {
        try {
          domain.alloc(100).close();
        } catch (cause) {
          throw DmaBufError.of('EBUSY', 'no table to be had', cause);
        }
        return whole(home);
      },
    })),
  ),
  wrong('release-frees-all', 'has no release to speak of', (domain) =>
    staticExporter(domain, () => ({ release() {} })),
  ),
  wrong('release-frees-all', 'refers to itself', (domain) => {
    const made = staticExporter(domain);
    made.buf.dup();
    return made;
  }),
  wrong('importer-death', 'cannot lock after the dead', (domain) =>
    staticExporter(domain, () => ({
      async attach({ buf }) {
        if (buf.closed) return;
        using lock = await buf.resv.lock();
        lock.reserve(1);
      },
    })),
  ),
  slow('importer-death', 'keeps a copy of what the dead left behind', (domain) =>
    staticExporter(domain, () => ({
      async attach({ buf }) {
        if (buf.closed) return;
        using lock = await buf.resv.lock({ recover: true });
        if (lock.ownerDied) domain.alloc(SIZE, { name: 'relic' });
      },
    })),
  ),
];
