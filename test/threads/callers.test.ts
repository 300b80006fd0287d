// SPDX-License-Identifier: MIT
/** Importers in other threads that give up or die while our callback runs for them; and two who export to each other. */
import type { Domain, ExportedBuf, SourceSegment } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor, KILL, WAYS, type Way } from './support/actor.js';
import { lockIsFree, Tally } from './support/calling.js';
import { DEAD } from './support/mortal.js';
import { turnsUntil } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

/** Calls that a worker makes, by name; whether its thread blocks in it, and whether a lock of it goes along. */
const CALLS = {
  attach: { sync: false, locked: false, which: 'attach' },
  attachSync: { sync: true, locked: false, which: 'attach' },
  map: { sync: false, locked: false, which: 'map' },
  mapSync: { sync: true, locked: false, which: 'map' },
  dynamicMap: { sync: false, locked: true, which: 'map' },
  dynamicMapSync: { sync: true, locked: true, which: 'map' },
  pin: { sync: false, locked: true, which: 'pin' },
  cpuAccess: { sync: false, locked: false, which: 'begin' },
  cpuAccessSync: { sync: true, locked: false, which: 'begin' },
} as const;
type Name = keyof typeof CALLS;

/** Exports, as the main thread; the callback that the call comes to ends when the test says so. */
class Slow {
  readonly buf: ExportedBuf<null>;
  readonly calls: string[] = [];
  entered = false;
  #end = (): void => {};

  constructor(domain: Domain, name: Name) {
    const { which, locked } = CALLS[name];
    const home = domain.alloc(64, { name: 'home' });
    const gate = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    const run = async (callback: string): Promise<void> => {
      this.calls.push(callback);
      if (callback !== which) return;
      this.entered = true;
      await gate;
    };
    const end = (callback: string): void => void this.calls.push(callback);
    const map = async (): Promise<readonly SourceSegment[]> => {
      await run('map');
      return [{ of: home, offset: 0, length: 64 }];
    };
    const ops = {
      attach: () => run('attach'),
      detach: () => end('detach'),
      map,
      unmap: () => end('unmap'),
      beginCpuAccess: () => run('begin'),
      endCpuAccess: () => end('end'),
      release: () => home.close(),
    };
    const info = { exporter: 'main', name: 'exported', size: 64, priv: null, ops };
    const pinning = { pin: () => run('pin'), unpin: () => end('unpin') };
    this.buf = locked
      ? domain.dynamicExport({ ...info, ops: { ...ops, ...pinning } })
      : domain.export(info);
  }

  /** The callback that was entered ends. */
  end(): void {
    this.#end();
  }

  /** Until whatever was begun has been ended. */
  async undone(): Promise<void> {
    const pairs = [
      ['attach', 'detach'],
      ['map', 'unmap'],
      ['pin', 'unpin'],
      ['begin', 'end'],
    ] as const;
    const count = (name: string): number => this.calls.filter((call) => call === name).length;
    await turnsUntil(() => pairs.every(([begun, ended]) => count(begun) === count(ended)));
  }
}

async function withCaller(
  scene: string,
  name: Name,
  check: (slow: Slow, actor: Actor, domain: Domain) => Promise<void>,
): Promise<void> {
  await withDomain({}, async (domain) => {
    const slow = new Slow(domain, name);
    const data = { call: name, share: slow.buf.share(), timeout: 20 };
    const actor = await Actor.start(domain, 'exporters.mjs', scene, data);
    await check(slow, actor, domain);
    slow.buf.close();
  });
}

/** Who blocks cannot hear how to die. */
const waysOf = (name: Name): readonly Way[] => (CALLS[name].sync ? [KILL] : WAYS);

describe.each(Object.keys(CALLS) as Name[])('a caller in %s', (name) => {
  test('gives up while the callback runs: it is undone, and the lock is free', () =>
    withCaller('impatient', name, async (slow, actor) => {
      expect(await actor.hear('outcome')).toBe('ETIMEDOUT');
      while (!slow.entered) {
        // It was not in time for the callback.
        actor.tell('again');
        expect(await actor.hear('outcome')).toBe('ETIMEDOUT');
      }
      expect(slow.buf.resv.locked).toBe(CALLS[name].locked);
      slow.end();
      await lockIsFree(slow.buf);
      actor.tell('end');
      await actor.finished();
      await slow.undone();
      await lockIsFree(slow.buf);
    }));

  for (const way of waysOf(name)) {
    test(`dies while the callback runs (${way}): it is undone; who locks is told if a holder died`, () =>
      withCaller('importer', name, async (slow, actor) => {
        await turnsUntil(() => slow.entered);
        await actor.die(way);
        const { locked } = CALLS[name];
        expect(slow.buf.resv.locked).toBe(locked);
        slow.end();
        await slow.undone();
        if (locked) {
          await expect(slow.buf.resv.lock()).rejects.toMatchObject(DEAD);
          using lock = await slow.buf.resv.lock({ recover: true });
          lock.markConsistent();
        }
        await lockIsFree(slow.buf);
      }));
  }
});

/** Two threads, each of which has attached what the other exports. */
async function neighbours(check: (one: Actor, two: Actor) => Promise<void>): Promise<void> {
  await withDomain({}, async (domain) => {
    const tallies = [new Tally(domain), new Tally(domain)];
    const actors: Actor[] = [];
    const shares: unknown[] = [];
    for (const tally of tallies) {
      const data = { tally: tally.share() };
      const actor = await Actor.start(domain, 'exporters.mjs', 'neighbour', data);
      shares.push(await actor.hear('ready'));
      actors.push(actor);
    }
    const [one, two] = actors;
    if (one === undefined || two === undefined) throw new Error('two threads were started');
    one.tell(shares[1]);
    two.tell(shares[0]);
    for (const actor of actors) await actor.hear('attached');
    await check(one, two);
    for (const actor of actors) actor.tell('end');
    for (const actor of actors) await actor.hear('detached');
    for (const actor of actors) actor.tell('close');
    for (const actor of actors) await actor.finished();
    for (const tally of tallies) {
      tally.expectBalance();
      tally.close();
    }
  });
}

describe('two threads that export to each other', () => {
  test('and block on each other: the one who comes second is told, the first gets its mapping', () =>
    neighbours(async (one, two) => {
      two.tell({ after: one.name });
      await two.hear('looking');
      one.tell({});
      expect(await two.hear('outcome')).toBe('EDEADLK');
      expect(await one.hear('outcome')).toBe('mapped');
    }));

  test('and block whenever they like never hang', () =>
    neighbours(async (one, two) => {
      for (let round = 0; round < 30; round++) {
        one.tell({});
        two.tell({});
        for (const actor of [one, two]) {
          expect(['mapped', 'EDEADLK']).toContain(await actor.hear('outcome'));
        }
      }
    }));
});
