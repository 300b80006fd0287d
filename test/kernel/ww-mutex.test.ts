// SPDX-License-Identifier: MIT
/**
 * What Linux asks of ww_mutex in kernel/locking/test-ww_mutex.c, asked here in this project's words, under the kernel's names. Its
 * threads are here agents of one thread, or tasks of one agent; stress on real threads is in test/threads. Its trylock with a
 * context is here a lock with timeout 0: a context cannot be given to tryLock().
 */
import { describe, expect, test } from 'vitest';
import { DmaBufError } from '../../src/errors.js';
import type {
  AcquireContext,
  Algorithm,
  Reservation,
  Reservations,
  ResvLock,
} from '../../src/resv/index.js';
import { asleep, codeOf, resvRooms, turn } from '../unit/resv/rooms.js';

const ALGORITHMS: readonly Algorithm[] = ['wait-die', 'wound-wait'];
const WHERE = ['agents', 'tasks'] as const;
type Where = (typeof WHERE)[number];

/** n parties: an agent each, or tasks of one agent. */
function parties(n: number, where: Where): Reservations[] {
  if (where === 'agents') return [...resvRooms(n).rooms];
  const [room] = resvRooms().rooms;
  return Array.from({ length: n }, () => room);
}

const [CTX, TRY, SPIN] = [1, 2, 4];

describe.each(WHERE)('ww_mutex, %s', (where) => {
  for (let flags = 0; flags < 8; flags++) {
    const name = [
      'mutex',
      ...((flags & SPIN) === 0 ? [] : ['spin']),
      ...((flags & TRY) === 0 ? [] : ['try']),
      ...((flags & CTX) === 0 ? [] : ['ctx']),
    ].join(' ');
    test(`${name}: nobody else gets it before unlock, and then somebody does`, async () => {
      const [main, worker] = parties(2, where) as [Reservations, Reservations];
      const context = (flags & CTX) === 0 ? undefined : main.acquireContext();
      const lock = await main.of(1).lock({ context });
      let done = false;
      const take = async (): Promise<ResvLock> => {
        if ((flags & TRY) === 0) return worker.of(1).lock();
        for (let got = worker.of(1).tryLock(); ; got = worker.of(1).tryLock()) {
          if (got !== null) return got;
          await turn();
        }
      };
      const taking = take().then((got) => {
        done = true;
        return got;
      });
      if ((flags & SPIN) === 0) await asleep();
      else for (let looks = 0; looks < 50; looks++) await turn();
      expect(done).toBe(false);
      lock.unlock();
      expect((await taking).held).toBe(true);
    });
  }
});

describe.each(ALGORITHMS)('ww_mutex, %s', (algorithm) => {
  test('AA lock: it is taken for tryLock, and EALREADY for its own context', async () => {
    const [room] = resvRooms().rooms;
    const context = room.acquireContext({ algorithm });
    await room.of(1).lock({ context });
    expect(room.of(1).tryLock()).toBe(null);
    expect(await codeOf(room.of(1).lock({ context }))).toBe('EALREADY');
    expect(await codeOf(room.of(1).lock({ context, timeout: 0 }))).toBe('EALREADY');
  });

  test('AA trylock: it is taken for tryLock, and EALREADY for its own context', async () => {
    const [room] = resvRooms().rooms;
    const context = room.acquireContext({ algorithm });
    await room.of(1).lock({ context, timeout: 0 });
    expect(room.of(1).tryLock()).toBe(null);
    expect(await codeOf(room.of(1).lock({ context }))).toBe('EALREADY');
  });

  describe.each(WHERE)('%s', (where) => {
    for (const first of ['lock', 'trylock']) {
      for (const resolve of [true, false]) {
        const ends = resolve ? 'both end with both locks' : 'somebody gets EDEADLK';
        test(`ABBA ${first}${resolve ? ' resolve' : ''}: ${ends}`, async () => {
          const [one, two] = parties(2, where) as [Reservations, Reservations];
          const timeout = first === 'lock' ? undefined : 0;
          const party = async (room: Reservations, mine: number, wanted: number) => {
            const context = room.acquireContext({ algorithm });
            const a = room.of(mine);
            let own = await a.lock({ context, timeout });
            expect(a.holder).toBe(context);
            await turn();
            const b = room.of(wanted);
            let error: unknown = null;
            let other: ResvLock | null = null;
            try {
              other = await b.lock({ context });
            } catch (failure) {
              error = (failure as { code: string }).code;
              if (resolve) {
                own.unlock();
                other = await b.lockSlow(context);
                own = await a.lock({ context });
                error = null;
              }
            }
            other?.unlock();
            own.unlock();
            context[Symbol.dispose]();
            return error;
          };
          const errors = await Promise.all([party(one, 1, 2), party(two, 2, 1)]);
          if (resolve) expect(errors).toEqual([null, null]);
          else expect(errors).toContain('EDEADLK');
          expect([one.of(1).locked, one.of(2).locked]).toEqual([false, false]);
        });
      }
    }

    for (const n of [2, 3, 4, 5]) {
      test(`cycle ${n}: everybody gets both locks`, async () => {
        const rooms = parties(n, where);
        const party = async (room: Reservations, me: number): Promise<void> => {
          const context = room.acquireContext({ algorithm });
          const [mine, next] = [room.of(me), room.of((me + 1) % n)];
          let own = await mine.lock({ context });
          await turn();
          let other: ResvLock;
          try {
            other = await next.lock({ context });
          } catch (error) {
            if (!DmaBufError.is(error, 'EDEADLK')) throw error;
            own.unlock();
            other = await next.lockSlow(context);
            own = await mine.lock({ context });
          }
          other.unlock();
          own.unlock();
          context[Symbol.dispose]();
        };
        await Promise.all(rooms.map(party));
        for (let row = 0; row < n; row++) expect(rooms[0]?.of(row).locked).toBe(false);
      });
    }
  });
});

// --------------------------------------------------------------------------------------------------- stress

function generator(seed: number): (n: number) => number {
  let x = (Math.imul(seed, 2_654_435_761) >>> 0) + 1;
  return (n) => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    return (x >>> 8) % n;
  };
}

function shuffled(n: number, random: (n: number) => number): number[] {
  const order = Array.from({ length: n }, (_, at) => at);
  for (let at = n - 1; at > 0; at--) {
    const other = random(at + 1);
    [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
  }
  return order;
}

/** Nobody else is inside. */
class Sections {
  readonly #inside = new Set<number>();

  async pass(rows: readonly number[], stay: boolean): Promise<void> {
    for (const row of rows) {
      expect(this.#inside.has(row)).toBe(false);
      this.#inside.add(row);
    }
    if (stay) await turn();
    for (const row of rows) this.#inside.delete(row);
  }
}

/** Takes all, in this order; the contended lock is skipped in the next round, since it is held by then. */
async function inOrder(all: Reservation[], context: AcquireContext): Promise<ResvLock[]> {
  let first: readonly ResvLock[] = [];
  for (;;) {
    const locks = [...first];
    let contended: Reservation | null = null;
    for (const resv of all) {
      if (first.some((lock) => lock.resv === resv)) continue;
      try {
        locks.push(await resv.lock({ context }));
      } catch (error) {
        if (!DmaBufError.is(error, 'EDEADLK')) throw error;
        contended = resv;
        break;
      }
    }
    if (contended === null) return locks;
    for (const lock of locks) lock.unlock();
    first = [await contended.lockSlow(context)];
  }
}

/** The contended lock moves to the head of the list. */
async function reorder(all: Reservation[], context: AcquireContext): Promise<ResvLock[]> {
  const list = [...all];
  const locks: ResvLock[] = [];
  for (let at = 0; at < list.length; at++) {
    const resv = list[at] as Reservation;
    if (locks.some((lock) => lock.resv === resv)) continue;
    try {
      locks.push(await resv.lock({ context }));
    } catch (error) {
      if (!DmaBufError.is(error, 'EDEADLK')) throw error;
      for (const lock of locks.splice(0)) lock.unlock();
      locks.push(await resv.lockSlow(context));
      list.splice(at, 1);
      list.unshift(resv);
      at = 0;
    }
  }
  return locks;
}

type Strategy = (all: Reservation[], context: AcquireContext) => Promise<ResvLock[]>;

interface Stress {
  readonly rooms: readonly Reservations[];
  readonly locks: number;
  readonly rounds: number;
  readonly algorithm: Algorithm;
}

async function stress(
  { rooms, locks, rounds, algorithm }: Stress,
  strategies: (Strategy | 'one')[],
) {
  const sections = new Sections();
  let passed = 0;
  const party = async (room: Reservations, me: number): Promise<void> => {
    const random = generator(me);
    const strategy = strategies[me % strategies.length] as Strategy | 'one';
    for (let round = 0; round < rounds; round++) {
      if (strategy === 'one') {
        const row = random(locks);
        const lock = await room.of(row).lock();
        await sections.pass([row], random(2) === 0);
        lock.unlock();
      } else {
        const rows = shuffled(locks, random);
        const context = room.acquireContext({ algorithm });
        const held = await strategy(
          rows.map((row) => room.of(row)),
          context,
        );
        await sections.pass(rows, random(4) === 0);
        for (const lock of held) lock.unlock();
        context[Symbol.dispose]();
      }
      passed++;
    }
  };
  await Promise.all(rooms.map(party));
  expect(passed).toBe(rooms.length * rounds);
  expect(rooms.map((room) => room.agent.held)).toEqual(rooms.map(() => 0));
}

describe.each(ALGORITHMS)('ww_mutex, stress, %s', (algorithm) => {
  describe.each(WHERE)('%s', (where) => {
    test('stress inorder: 16 locks, everybody in an order of its own', () =>
      stress({ rooms: parties(4, where), locks: 16, rounds: 15, algorithm }, [inOrder]));

    test('stress reorder: the contended lock moves to the head', () =>
      stress({ rooms: parties(4, where), locks: 16, rounds: 15, algorithm }, [reorder]));

    test('stress all: inorder, reorder, and one at a time without a context, with many locks', () =>
      stress({ rooms: parties(6, where), locks: 60, rounds: 6, algorithm }, [
        inOrder,
        reorder,
        'one',
      ]));

    test('all, and EDEADLK for no reason', () => {
      const rooms = parties(6, where);
      for (const room of rooms) room.injectDeadlock = 7;
      return stress({ rooms, locks: 12, rounds: 10, algorithm }, [inOrder, reorder, 'one']);
    });
  });
});
