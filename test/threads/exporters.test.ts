// SPDX-License-Identifier: MIT
/** Exporters in other threads that fail, do not answer, block or die: for every call that reaches them, in either form. */
import { describe, expect, test } from 'vitest';
import { type SceneData, WAYS } from './support/actor.js';
import {
  CALLS,
  type Call,
  detached,
  inTime,
  lockIsFree,
  type Neighbour,
  prepare,
  withExporter,
} from './support/calling.js';
import { DEAD } from './support/mortal.js';
import { untilBlocked } from './support/turns.js';

const late = { code: 'ETIMEDOUT' };
/** Milliseconds, where it is a time-out that is tested. */
const SHORT = 50;

/** One test of each call, with an exporter whose callback behaves like this. */
function each(
  title: string,
  how: string,
  more: SceneData,
  check: (scene: Neighbour, call: Call, n: number) => Promise<void>,
): void {
  for (const [n, [name, call]] of Object.entries(CALLS).entries()) {
    const { which, dynamic } = call;
    const data = { ...more, which, how, dynamic };
    test(`${name}: ${title}`, () => withExporter(data, (scene) => check(scene, call, n)));
  }
}

/** One of them, in turn. */
function nth<T>(all: readonly T[], n: number): T {
  return all[n % all.length] as T;
}

describe('the exporter’s callback', () => {
  each('throws an error of its own', 'throws', {}, async ({ there, tally, ends }, call) => {
    const { ask, lock, end } = await prepare(call, there);
    const error = (await ask()) as { code?: string; cause?: unknown };
    expect([error.code, String(error.cause)]).toEqual(['EIO', 'Error: RangeError: no lane']);
    expect(lock?.held ?? true).toBe(true);
    await end();
    await lockIsFree(there);
    await ends();
    expect([tally.of(call.which), tally.of('release')]).toEqual([1, 1]);
    expect([tally.of('unmap'), tally.of('unpin'), tally.of('endCpuAccess')]).toEqual([0, 0, 0]);
  });

  each('throws ours', 'throws its own', {}, async ({ there, ends }, call) => {
    const { ask, end } = await prepare(call, there);
    expect(await ask()).toMatchObject({ name: 'DmaBufError', code: 'EINVAL', op: 'Heap.alloc' });
    await end();
    await lockIsFree(there);
    await ends();
  });

  each('never ends', 'never ends', { callTimeout: SHORT }, async (scene, call) => {
    const { there, actor, tally, ends } = scene;
    const { ask, lock, end } = await prepare(call, there);
    const ran = (): boolean => tally.of(call.which) > 0;
    let error = await ask();
    while (!ran()) error = await ask();
    expect(error).toMatchObject(late);
    // What still runs keeps the lock.
    expect([lock?.held, there.resv.locked]).toEqual(
      lock === null ? [undefined, false] : [false, true],
    );
    actor.tell('go on');
    await lockIsFree(there);
    await end();
    await ends();
    tally.expectBalance();
  });

  each('blocks its thread', 'blocks', { callTimeout: SHORT }, async (scene, call) => {
    const { there, tally, ends } = scene;
    const { ask, lock, end } = await prepare(call, there);
    const ran = (): boolean => tally.of(call.which) > 0;
    let error = (await ask()) as Error;
    while (!ran()) error = (await ask()) as Error;
    expect(error).toMatchObject(late);
    expect(error.message).toContain('its event loop does not turn');
    expect([lock?.held, there.resv.locked]).toEqual(
      lock === null ? [undefined, false] : [false, true],
    );
    tally.openGate();
    await lockIsFree(there);
    await end();
    await ends();
    tally.expectBalance();
  });
});

describe('the exporter’s thread', () => {
  each('dies before the callback', 'returns', {}, async ({ there, actor }, call, n) => {
    const { ask, lock, end } = await prepare(call, there);
    await actor.die(nth(WAYS, n));
    expect(await ask()).toMatchObject(DEAD);
    expect(lock?.held ?? true).toBe(true);
    await end();
    await lockIsFree(there);
  });

  each('dies after the callback', 'returns', {}, async ({ there, actor }, call, n) => {
    const { ask, lock, end } = await prepare(call, there);
    expect(await ask()).toBe(undefined);
    await actor.die(nth(WAYS, n));
    expect(lock?.held ?? true).toBe(true);
    await end();
    await lockIsFree(there);
  });

  for (const how of ['exits', 'throws later'] as const) {
    each(`dies in the callback (${how})`, how, {}, async ({ there, actor }, call) => {
      const { ask, lock, end } = await prepare(call, there);
      expect(await ask()).toMatchObject(DEAD);
      expect(lock?.held ?? true).toBe(true);
      await end();
      await lockIsFree(there);
      await actor.member.gone;
    });
  }

  each('is terminated in the callback', 'never ends', {}, async ({ there, actor }, call) => {
    const { ask, lock, end } = await prepare(call, there);
    let killed: Promise<unknown> = Promise.resolve();
    if (call.sync) killed = actor.member.kill();
    const asking = ask();
    if (!call.sync) {
      await actor.hear('inside');
      killed = actor.member.kill();
    }
    expect(await asking).toMatchObject(DEAD);
    expect(lock?.held ?? true).toBe(true);
    await killed;
    await end();
    await lockIsFree(there);
  });

  test('dies with a lock that it kept for a callback which never ended: the next one is told', () =>
    withExporter(
      { which: 'map', how: 'never ends', dynamic: true, callTimeout: SHORT },
      async ({ there, actor }) => {
        const { ask, end } = await prepare(CALLS['DynamicAttachment.map'] as Call, there);
        expect(await ask()).toMatchObject(late);
        expect(there.resv.locked).toBe(true);
        await actor.die();
        await expect(there.resv.lock()).rejects.toMatchObject(DEAD);
        {
          using lock = await there.resv.lock({ recover: true });
          lock.markConsistent();
        }
        await end();
        await lockIsFree(there);
      },
    ));

  for (const sync of [false, true]) {
    test(`blocks for a lock of ours: a caller that ${sync ? 'blocks too is told at once' : 'waits gives up in time'}`, () => {
      let mine: Neighbour['there'] | null = null;
      return withExporter(
        { callTimeout: sync ? 60_000 : SHORT },
        async ({ domain, there, actor, tally, ends }) => {
          if (mine === null) throw new Error('no buffer');
          using buf = mine;
          const lock = await buf.resv.lock();
          actor.tell('block');
          await actor.hear('blocking');
          await untilBlocked(domain, actor.name);
          // The one lock that we hold is one that we could not release while we block.
          if (sync) {
            expect(() => there.attachSync('enc')).toThrow(
              expect.objectContaining({ code: 'EDEADLK' }),
            );
          } else await expect(there.attach('enc')).rejects.toMatchObject(late);
          expect(tally.of('attach')).toBe(0);
          lock.unlock();
          await detached(await inTime(() => there.attach('enc')));
          await ends();
          tally.expectBalance();
        },
        (domain) => {
          mine = domain.alloc(4096, { name: 'ours' });
          return [mine];
        },
      );
    });
  }
});

describe('the lock of a caller', () => {
  test('that the exporter’s thread blocks for ends the call: EDEADLK', () =>
    withExporter({ dynamic: true, callTimeout: 60_000 }, async (scene) => {
      const { domain, there, actor, tally, ends } = scene;
      const { ask, lock, end } = await prepare(CALLS['DynamicAttachment.mapSync'] as Call, there);
      actor.tell({ after: domain.agent });
      await actor.hear('looking');
      expect(await ask()).toMatchObject({ code: 'EDEADLK' });
      expect(lock?.held).toBe(true);
      await end();
      await ends();
      tally.expectBalance();
      expect(tally.of('map')).toBe(0);
    }));
});

describe('a callback', () => {
  test('that would have to wait, or to call on, is refused: EDEADLK', () => {
    let buffers: readonly Neighbour['there'][] = [];
    return withExporter(
      { which: 'map', how: 'tries to wait' },
      async ({ domain, there, actor, tally, ends }) => {
        const [locked, owed, remote] = buffers;
        if (locked === undefined || owed === undefined) throw new Error('no buffers');
        const timeline = domain.timeline('main');
        {
          using lock = await owed.resv.lock();
          lock.reserve(1);
          lock.add(timeline.next(), 'write');
        }
        const lock = await locked.resv.lock();
        const { ask, end } = await prepare(CALLS['Attachment.map'] as Call, there);
        expect(await ask()).toBe(undefined);
        await actor.hear('inside');
        expect(await actor.hear('codes')).toEqual(Array.from({ length: 4 }, () => 'EDEADLK'));
        await end();
        lock.unlock();
        timeline.close();
        await ends();
        tally.expectBalance();
        locked.close();
        owed.close();
        remote?.close();
      },
      (domain) => {
        const priv = domain.alloc(1);
        const ops = { map: () => [], unmap() {}, release: () => priv.close() };
        const remote = domain.export({ exporter: 'main', size: 0, priv: null, ops });
        buffers = [domain.alloc(1), domain.alloc(1), remote];
        return buffers;
      },
    );
  });
});

describe('a thread that never turns its event loop', () => {
  test('maps and unmaps as often as it likes', () =>
    withExporter({}, async ({ there, tally, ends }) => {
      const att = there.attachSync('enc');
      for (let n = 0; n < 400; n++) {
        const map = att.mapSync('to-device');
        expect(map.bytes.length).toBe(4096);
        map.unmap();
      }
      // They went out while it blocked: all but a few.
      expect(tally.of('unmap')).toBeGreaterThan(0);
      expect(tally.of('map') - tally.of('unmap')).toBeLessThan(2 * 64);
      await att.detach();
      await ends();
      tally.expectBalance();
      expect(tally.of('map')).toBe(400);
    }));

  test('maps and unmaps under one lock as often as it likes', () =>
    withExporter({ dynamic: true }, async ({ there, tally, ends }) => {
      const att = there.dynamicAttachSync('gpu', { moveNotify: () => undefined });
      const lock = there.resv.lockSync();
      for (let n = 0; n < 50; n++) att.mapSync(lock, 'to-device').unmap(lock);
      lock.unlock();
      await att.detach();
      await ends();
      tally.expectBalance();
      expect(tally.of('map')).toBe(50);
    }));
});
