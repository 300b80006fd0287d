// SPDX-License-Identifier: MIT
/**
 * What IGT's syncobj_wait says of waits for binary sync objects, under its names. Its ETIME is ETIMEDOUT here (D-50); who is late there is
 * another turn of the event loop here.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SyncobjClient } from '../../src/prime.js';
import { rejected, thrown } from '../unit/buf/rig.js';
import { turn } from '../unit/fence/rooms.js';
import {
  expected,
  FILLINGS,
  flagSets,
  outcome,
  Submitter,
  settled,
  triples,
} from './syncobj-scenes.js';

const ILLEGAL = 0xdead;

let gpu: Submitter;
let client: SyncobjClient;
beforeEach(async () => {
  gpu = await Submitter.open();
  ({ client } = gpu);
});
afterEach(() => gpu.close());

/** `count` empty objects. */
const empty = (count: number): readonly number[] =>
  Array.from({ length: count }, () => client.create());

/** A wait, and what happens in the turn after it began. */
async function meanwhile(waiting: Promise<number>, then: () => void): Promise<string | number> {
  expect(await settled(waiting)).toBe(false);
  then();
  return outcome(waiting);
}

/** A wait that is rung again and again for nothing still ends with its time. */
async function interrupted(
  handles: readonly number[],
  options: { readonly all?: boolean; readonly forSubmit?: boolean },
): Promise<void> {
  const other = client.create();
  const clock = { over: false };
  let rings = 0;
  const waiting = outcome(client.wait(handles, { ...options, timeout: 20 }));
  const end = waiting.then(() => void (clock.over = true));
  while (!clock.over) {
    const noise = client.wait([other], { forSubmit: true });
    client.signal([other]);
    client.reset([other]);
    rings += 1 + (await noise);
    await turn();
  }
  await end;
  expect(await waiting).toBe('ETIMEDOUT');
  expect(rings).toBeGreaterThan(0);
}

describe('syncobj_wait', () => {
  test('invalid-wait-bad-flags: EINVAL for a flag that nobody knows, before anything else', async () => {
    for (const flags of [{ everything: true }, { available: true }, { all: 1 }, null]) {
      expect((await rejected(client.wait([ILLEGAL], flags as never))).code).toBe('EINVAL');
    }
  });

  test('invalid-wait-zero-handles: a wait for nothing is over', async () => {
    for (const flags of flagSets(['all', 'forSubmit'])) {
      expect(await client.wait([], { ...flags, timeout: 0 })).toBe(-1);
    }
  });

  test('invalid-wait-illegal-handle: ENOENT', async () => {
    expect((await rejected(client.wait([ILLEGAL], { timeout: 0 }))).code).toBe('ENOENT');
  });

  test('invalid-reset-zero-handles: EINVAL', () => {
    expect(thrown(() => client.reset([])).code).toBe('EINVAL');
  });

  test('invalid-reset-illegal-handle: ENOENT', () => {
    expect(thrown(() => client.reset([ILLEGAL])).code).toBe('ENOENT');
  });

  test('invalid-reset-one-illegal-handle: ENOENT, and no other one is reset', async () => {
    const [a, b] = gpu.filled(['signaled', 'signaled']) as [number, number];
    expect(thrown(() => client.reset([a, ILLEGAL, b])).code).toBe('ENOENT');
    expect(await client.wait([a, b], { all: true, timeout: 0 })).toBe(0);
  });

  test('invalid-signal-zero-handles: EINVAL', () => {
    expect(thrown(() => client.signal([])).code).toBe('EINVAL');
  });

  test('invalid-signal-illegal-handle: ENOENT', () => {
    expect(thrown(() => client.signal([ILLEGAL])).code).toBe('ENOENT');
  });

  test('invalid-signal-one-illegal-handle: ENOENT, and no other one is signalled', async () => {
    const [a, b] = empty(2) as [number, number];
    expect(thrown(() => client.signal([a, ILLEGAL, b])).code).toBe('ENOENT');
    for (const handle of [a, b]) {
      expect((await rejected(client.wait([handle]))).code).toBe('EINVAL');
    }
  });

  test('single-wait matrix: EINVAL without a fence, unless that is waited for; else over, or out of time', async () => {
    for (const filling of FILLINGS) {
      for (const flags of flagSets(['all', 'forSubmit'])) {
        const said = expected([filling], flags);
        for (const timeout of said === 0 ? [0, 1, Infinity] : [0, 1]) {
          const waiting = client.wait(gpu.filled([filling]), { ...flags, timeout });
          expect([filling, flags, await outcome(waiting)]).toEqual([filling, flags, said]);
        }
      }
    }
  });

  test('multi-wait matrix: any, or all, of three objects; one without a fence is EINVAL for all', async () => {
    let cases = 0;
    for (const fillings of triples(FILLINGS)) {
      for (const flags of flagSets(['all', 'forSubmit'])) {
        const said = expected(fillings, flags);
        for (const timeout of said === 'ETIMEDOUT' ? [0, 1] : [0, Infinity]) {
          const waiting = client.wait(gpu.filled(fillings), { ...flags, timeout });
          expect([fillings, flags, await outcome(waiting)]).toEqual([fillings, flags, said]);
          cases++;
        }
      }
    }
    expect(cases).toBe(2 * 4 * 27);
  });

  test('wait-delayed-signal: over when the fence signals', async () => {
    const handle = client.create();
    const end = gpu.submit(handle);
    expect(await meanwhile(client.wait([handle]), end)).toBe(0);
  });

  test('wait-any-delayed-signal: over when one signals, and says which', async () => {
    const handles = empty(3);
    const ends = handles.map((handle) => gpu.submit(handle));
    expect(await meanwhile(client.wait(handles), () => ends[2]?.())).toBe(2);
  });

  test('wait-all-delayed-signal: over when the last one signals', async () => {
    const handles = empty(3);
    const [first, second, third] = handles.map((handle) => gpu.submit(handle));
    const waiting = client.wait(handles, { all: true });
    third?.();
    first?.();
    expect(await meanwhile(waiting, () => second?.())).toBe(0);
  });

  test('wait-for-submit-delayed-submit: over when a fence that has signalled is put in', async () => {
    const handle = client.create();
    const waiting = client.wait([handle], { forSubmit: true });
    expect(await meanwhile(waiting, () => gpu.submit(handle)())).toBe(0);
  });

  test('wait-all-for-submit-delayed-submit: over when the last one has its fence, and that has signalled', async () => {
    const [a, b] = empty(2) as [number, number];
    const waiting = client.wait([a, b], { all: true, forSubmit: true });
    gpu.submit(b)();
    expect(await settled(waiting)).toBe(false);
    const end = gpu.submit(a);
    expect(await meanwhile(waiting, end)).toBe(0);
  });

  test('wait-any-for-submit-delayed-submit: over when one has its fence, and that has signalled', async () => {
    const [a, b] = empty(2) as [number, number];
    const waiting = client.wait([a, b], { forSubmit: true });
    const end = gpu.submit(b);
    expect(await meanwhile(waiting, end)).toBe(1);
  });

  test('reset-unsignaled: it is without a fence: EINVAL', async () => {
    const [handle] = gpu.filled(['submitted']) as [number];
    client.reset([handle]);
    expect((await rejected(client.wait([handle], { timeout: 0 }))).code).toBe('EINVAL');
    client.reset([handle]);
    expect((await rejected(client.wait([handle], { timeout: 0 }))).code).toBe('EINVAL');
  });

  test('reset-signaled: it was over, and is without a fence', async () => {
    const [handle] = gpu.filled(['signaled']) as [number];
    expect(await client.wait([handle], { timeout: 0 })).toBe(0);
    client.reset([handle]);
    expect((await rejected(client.wait([handle], { timeout: 0 }))).code).toBe('EINVAL');
  });

  test('reset-multiple-signaled: all of them', async () => {
    const handles = gpu.filled(['signaled', 'signaled', 'signaled']);
    expect(await client.wait(handles, { all: true, timeout: 0 })).toBe(0);
    client.reset(handles);
    for (const handle of handles) {
      expect((await rejected(client.wait([handle], { timeout: 0 }))).code).toBe('EINVAL');
    }
  });

  test('reset-during-wait-for-submit: the wait goes on, and the next fence ends it', async () => {
    const handle = client.create();
    const waiting = client.wait([handle], { forSubmit: true });
    expect(await settled(waiting)).toBe(false);
    client.reset([handle]);
    expect(await meanwhile(waiting, () => client.signal([handle]))).toBe(0);
  });

  test('signal: an empty one, and one whose fence is pending', async () => {
    const [unsubmitted, submitted] = gpu.filled(['empty', 'submitted']) as [number, number];
    client.signal([unsubmitted, submitted]);
    expect(await client.wait([unsubmitted, submitted], { all: true, timeout: 0 })).toBe(0);
  });

  test('wait-for-submit-snapshot: the fence that came first counts, whatever comes after it', async () => {
    const handle = client.create();
    const waiting = client.wait([handle], { forSubmit: true });
    expect(await settled(waiting)).toBe(false);
    const end = gpu.submit(handle);
    client.reset([handle]);
    gpu.submit(handle);
    expect(await meanwhile(waiting, end)).toBe(0);
    expect((await rejected(client.wait([handle], { timeout: 0 }))).code).toBe('ETIMEDOUT');
  });

  test('wait-all-for-submit-snapshot: one that is signalled and reset has been over', async () => {
    const [a, b] = empty(2) as [number, number];
    const waiting = client.wait([a, b], { all: true, forSubmit: true });
    expect(await settled(waiting)).toBe(false);
    client.signal([a]);
    client.reset([a]);
    expect(await meanwhile(waiting, () => client.signal([b]))).toBe(0);
    expect((await rejected(client.wait([a], { timeout: 0 }))).code).toBe('EINVAL');
  });

  test('wait-all-complex: fences that are replaced while they are waited for', async () => {
    const handles = empty(4);
    const ends = handles.map((handle) => gpu.submit(handle));
    const waiting = client.wait(handles, { all: true });
    client.reset(handles.slice(0, 2));
    const later = gpu.submit(handles[2] ?? 0);
    for (const end of ends.slice(0, 3)) end();
    expect(await meanwhile(waiting, () => ends[3]?.())).toBe(0);
    later();
  });

  test('wait-all-for-submit-complex: some are filled before, some meanwhile, some are signalled and reset', async () => {
    const handles = empty(4) as [number, number, number, number];
    const before = gpu.submit(handles[0]);
    const waiting = client.wait(handles, { all: true, forSubmit: true });
    const meantime = gpu.submit(handles[1]);
    client.signal([handles[2]]);
    client.reset([handles[0], handles[2]]);
    meantime();
    before();
    expect(await settled(waiting)).toBe(false);
    const last = gpu.submit(handles[3]);
    expect(await meanwhile(waiting, last)).toBe(0);
  });

  test('wait-any-complex: the first one to signal is the one that had its fence when the wait began', async () => {
    const handles = empty(3) as [number, number, number];
    const ends = handles.map((handle) => gpu.submit(handle));
    const waiting = client.wait(handles);
    client.reset([handles[0]]);
    client.replaceFence(handles[1], null);
    gpu.submit(handles[2])();
    expect(await meanwhile(waiting, () => ends[1]?.())).toBe(1);
  });

  test('wait-any-for-submit-complex: the first one to be filled and signalled, resets of others aside', async () => {
    const handles = empty(3) as [number, number, number];
    const waiting = client.wait(handles, { forSubmit: true });
    const pending = gpu.submit(handles[0]);
    client.reset([handles[0]]);
    client.reset([handles[1]]);
    expect(await settled(waiting)).toBe(false);
    client.signal([handles[2]]);
    client.reset([handles[2]]);
    expect(await outcome(waiting)).toBe(2);
    pending();
  });

  test('wait-interrupted: a wait that is rung for nothing ends with its time', () =>
    interrupted(gpu.filled(['submitted']), {}));

  test('wait-all-interrupted: so does one for all, with one of them over', () =>
    interrupted(gpu.filled(['signaled', 'submitted']), { all: true }));

  test('wait-any-interrupted: so does one for any, with nothing in them yet', () =>
    interrupted(gpu.filled(['empty', 'submitted']), { forSubmit: true }));
});
