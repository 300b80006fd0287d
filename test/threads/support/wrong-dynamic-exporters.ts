// SPDX-License-Identifier: MIT
/** Dynamic exporters that break one rule each. */
import { type AttachmentInfo, DmaBufError, type HeldLock, type ResvLock } from 'dmabuf';
import {
  type Different,
  dynamicExporter,
  type Home,
  type Mover,
  move,
  newPlace,
  settle,
  whole,
} from './right-exporters.js';
import { clear, copyNow, slow, turn, type WrongExporter, wrong } from './wrong-exporter.js';

const keptLock = (use: (lock: HeldLock) => void) => {
  let kept: HeldLock | null = null;
  return (lock: HeldLock): void => {
    if (kept !== null) {
      try {
        use(kept);
      } catch {
        // it is over: as if nothing had been
      }
    }
    kept = lock;
  };
};

/** Moves, whatever it is told, unless one of those pins is there. */
function stubborn(mover: Mover, counts: (att: AttachmentInfo<Home>) => boolean): Different {
  let pins = 0;
  return {
    ops: {
      pin: (att) => void (counts(att) && pins++),
      unpin: (att) => void (counts(att) && pins--),
    },
    async move(lock) {
      if (pins > 0) throw DmaBufError.of('EBUSY', 'it is pinned');
      const next = newPlace(mover);
      await mover
        .buf()
        .moveNotify(lock)
        .catch(() => {});
      await lock.wait('bookkeep');
      await settle(mover, next);
    },
  };
}

async function bytesOf({ at }: Home): Promise<Uint8Array> {
  using cpu = await at.cpuAccess('read');
  return cpu.copyOut();
}

export const wrongDynamic: readonly WrongExporter[] = [
  wrong('made-here', 'cannot be moved', (domain) => ({ buf: dynamicExporter(domain).buf })),
  wrong('lent-lock', 'keeps the lock of a pin', (domain) => {
    const used = keptLock((lock) => lock.reserve(1));
    return dynamicExporter(domain, () => ({ ops: { pin: (_, lock) => used(lock) } }));
  }),
  wrong('lent-lock', 'goes on after its map', (domain) =>
    dynamicExporter(domain, ({ home }) => ({
      ops: {
        map(_att, _direction, lock) {
          void turn()
            .then(() => lock.wait('kernel'))
            .catch(() => {});
          return whole(home);
        },
      },
    })),
  ),
  wrong('keeps-the-lock', 'unlocks after its map', (domain) =>
    dynamicExporter(domain, ({ home }) => ({
      ops: {
        map(_att, _direction, lock) {
          (lock as ResvLock).unlock();
          return whole(home);
        },
      },
    })),
  ),
  wrong('keeps-the-lock', 'unlocks after its move', (domain) =>
    dynamicExporter(domain, (mover) => ({
      async move(lock) {
        using mine = lock as ResvLock;
        await move(mover, mine);
      },
    })),
  ),
  slow('answers-in-time', 'waits in map for the lock that is held for it', (domain) =>
    dynamicExporter(domain, ({ home }) => ({
      ops: {
        async map({ buf }) {
          if (!buf.closed) (await buf.resv.lock()).unlock();
          return whole(home);
        },
      },
    })),
  ),
  wrong('survives-EDEADLK', 'takes an importer that has unpinned for one that has gone', (domain) =>
    dynamicExporter(domain, ({ home }) => {
      const gone = new Set<object>();
      return {
        ops: {
          unpin: (att) => void gone.add(att),
          map(att) {
            if (gone.has(att)) throw DmaBufError.of('EBUSY', 'it has gone');
            return whole(home);
          },
        },
      };
    }),
  ),
  wrong('pin-balances', 'counts pins up one by one, and down by attachment', (domain) =>
    dynamicExporter(domain, (mover) => {
      const pinning = new Set<object>();
      let pins = 0;
      return {
        ops: {
          pin(att) {
            pins++;
            pinning.add(att);
          },
          unpin: (att) => void (pinning.delete(att) && pins--),
        },
        async move(lock) {
          if (pins > 0) throw DmaBufError.of('EBUSY', 'it is pinned');
          await move(mover, lock);
        },
      };
    }),
  ),
  wrong(
    'pin-balances',
    'forgets the pin of an importer that cannot follow',
    (domain) =>
      dynamicExporter(domain, (mover) => {
        let pins = 0;
        return {
          ops: {
            pin: () => void pins++,
            unpin: (att) => void (att.dynamic && pins--),
          },
          async move(lock) {
            if (pins > 0) throw DmaBufError.of('EBUSY', 'it is pinned');
            await move(mover, lock);
          },
        };
      }),
    ['move-anywhere', 'move-keeps-content'],
  ),
  wrong('pinned-stays', 'looks only for importers that cannot follow', (domain) =>
    dynamicExporter(domain, (mover) => stubborn(mover, (att) => !att.dynamic)),
  ),
  wrong('pinned-stays', 'looks only for importers that can follow, and for the CPU', (domain) =>
    dynamicExporter(domain, (mover) =>
      stubborn(mover, (att) => att.dynamic || att.device.name === 'cpu'),
    ),
  ),
  wrong('pinned-stays', 'says that it has moved, and has not', (domain) =>
    dynamicExporter(domain, (mover) => {
      let pins = 0;
      return {
        ops: { pin: () => void pins++, unpin: () => void pins-- },
        async move(lock) {
          if (pins === 0) await move(mover, lock);
        },
      };
    }),
  ),
  wrong('pinned-stays', 'moves whoever has pinned it', (domain) =>
    dynamicExporter(domain, (mover) => stubborn(mover, () => false)),
  ),
  wrong(
    'move-notifies',
    'tells nobody',
    (domain) =>
      dynamicExporter(domain, (mover) => ({
        async move(lock) {
          const next = newPlace(mover);
          await lock.wait('bookkeep');
          await settle(mover, next);
        },
      })),
    ['pinned-stays', 'move-anywhere'],
  ),
  wrong('move-notifies', 'clears the old place, and then tells', (domain) =>
    dynamicExporter(domain, (mover) => ({
      async move(lock) {
        if (mover.buf().closed) return;
        const next = newPlace(mover);
        await lock.wait('bookkeep');
        copyNow(mover.home.at, next);
        clear(mover.home.at);
        await mover.buf().moveNotify(lock);
        await settle(mover, next, false);
      },
    })),
  ),
  wrong(
    'move-keeps-content',
    'leaves the content behind',
    (domain) =>
      dynamicExporter(domain, (mover) => ({
        async move(lock) {
          const next = newPlace(mover);
          await mover.buf().moveNotify(lock);
          await lock.wait('bookkeep');
          await settle(mover, next, false);
        },
      })),
    ['move-waits', 'move-anywhere'],
  ),
  wrong('move-waits', 'waits for readers only', (domain) =>
    dynamicExporter(domain, (mover) => ({
      async move(lock) {
        const next = newPlace(mover);
        await mover.buf().moveNotify(lock);
        await lock.wait('read');
        await settle(mover, next);
      },
    })),
  ),
  wrong('move-anywhere', 'takes nothing along when nobody is attached', (domain) =>
    dynamicExporter(domain, (mover) => {
      let attached = 0;
      return {
        ops: { attach: () => void attached++, detach: () => void attached-- },
        async move(lock) {
          const next = newPlace(mover);
          await mover.buf().moveNotify(lock);
          await lock.wait('bookkeep');
          await settle(mover, next, attached > 0);
        },
      };
    }),
  ),
  wrong('move-fails-whole', 'gives up the old place before it has a new one', (domain) =>
    dynamicExporter(domain, (mover) => ({
      async move(lock) {
        await mover.buf().moveNotify(lock);
        await lock.wait('bookkeep');
        const content = await bytesOf(mover.home);
        mover.home.at.close();
        mover.home.at = newPlace(mover);
        using cpu = await mover.home.at.cpuAccess('write');
        cpu.bytes.set(content);
      },
    })),
  ),
];
