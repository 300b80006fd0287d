// SPDX-License-Identifier: MIT
/** What IGT's syncobj_timeline says of sync objects that are timelines, under its names. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SyncobjClient } from '../../src/prime.js';
import { thrown } from '../unit/buf/rig.js';
import { expected, FILLINGS, flagSets, outcome, Submitter, triples } from './syncobj-scenes.js';

const ILLEGAL = 0xdead;
const FLAGS = ['all', 'forSubmit', 'available'] as const;

let gpu: Submitter;
let client: SyncobjClient;
beforeEach(async () => {
  gpu = await Submitter.open();
  ({ client } = gpu);
});
afterEach(() => gpu.close());

/** Where a timeline stands. */
const at = (handle: number): number | undefined => client.query([handle])[0];

/** Adds these points, each by a job of its own. @returns their ends */
const submitAll = (handle: number, points: readonly number[]): readonly (() => void)[] =>
  points.map((point) => gpu.submitPoint(handle, point));

describe('syncobj_timeline', () => {
  test('invalid matrix: flags are EINVAL, and so is a list of nothing; a handle is ENOENT, and then nothing has changed', async () => {
    const good = client.create();
    client.timelineSignal([good], [1]);
    const waits = (handles: readonly number[], points: readonly number[], options?: object) =>
      outcome(client.timelineWait(handles, points, { timeout: 0, ...options }));
    expect([
      await waits([ILLEGAL], [1], { everything: true }),
      await waits([ILLEGAL], [1, 2]),
      await waits([good], [-1]),
      await waits([good], [2]),
      await waits([], []),
      await waits([ILLEGAL], [1]),
      await waits([good, ILLEGAL], [1, 1]),
    ]).toEqual(['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', -1, 'ENOENT', 'ENOENT']);

    const calls: readonly (readonly [code: string, call: () => unknown])[] = [
      ['EINVAL', () => client.timelineSignal([], [])],
      ['EINVAL', () => client.timelineSignal([good], [])],
      ['EINVAL', () => client.timelineSignal([good], [0])],
      ['ENOENT', () => client.timelineSignal([ILLEGAL], [1])],
      ['ENOENT', () => client.timelineSignal([good, ILLEGAL], [5, 5])],
      ['EINVAL', () => client.query([])],
      ['EINVAL', () => client.query([good], { first: true } as never)],
      ['ENOENT', () => client.query([good, ILLEGAL])],
      ['ENOENT', () => client.transfer(ILLEGAL, 1, good, 5)],
      ['ENOENT', () => client.transfer(good, 1, ILLEGAL, 5)],
      ['EINVAL', () => client.transfer(good, 2, good, 5)],
      ['EINVAL', () => client.transfer(good, 1, good, -1)],
    ];
    for (const [code, call] of calls) {
      expect([String(call), thrown(call).code]).toEqual([String(call), code]);
    }
    expect(client.query([good], { lastSubmitted: true })).toEqual([1]);
  });

  test('single-wait matrix: as of binary ones, and a point that is there is enough where that is asked', async () => {
    for (const filling of FILLINGS) {
      for (const flags of flagSets(FLAGS)) {
        const said = expected([filling], flags);
        for (const timeout of said === 0 ? [0, 1, Infinity] : [0, 1]) {
          const handles = gpu.filled([filling], 3);
          const waiting = client.timelineWait(handles, [3], { ...flags, timeout });
          expect([filling, flags, await outcome(waiting)]).toEqual([filling, flags, said]);
        }
      }
    }
    const [handle] = gpu.filled(['signaled'], 3) as [number];
    for (const point of [0, 1, 2, 3]) {
      expect(await client.timelineWait([handle], [point], { timeout: 0 })).toBe(0);
    }
    expect(await outcome(client.timelineWait([handle], [4], { timeout: 0 }))).toBe('EINVAL');
  });

  test('multi-wait matrix: any, or all, of three timelines', async () => {
    let cases = 0;
    for (const fillings of triples(FILLINGS)) {
      for (const flags of flagSets(FLAGS)) {
        const said = expected(fillings, flags);
        const timeout = said === 'ETIMEDOUT' ? 0 : Infinity;
        const handles = gpu.filled(fillings, 7);
        const waiting = client.timelineWait(handles, [7, 7, 7], { ...flags, timeout });
        expect([fillings, flags, await outcome(waiting)]).toEqual([fillings, flags, said]);
        cases++;
      }
    }
    expect(cases).toBe(8 * 27);
  });

  test('host-signal-points: each signal moves the timeline to its point', () => {
    const handle = client.create();
    let point = 0;
    for (let step = 1; step <= 20; step++) {
      point += step;
      client.timelineSignal([handle], [point]);
      expect(client.query([handle, handle])).toEqual([point, point]);
    }
  });

  test('device-signal-unordered: in whatever order jobs end, a timeline never goes back', () => {
    const handle = client.create();
    const ends = submitAll(handle, [1, 2, 3, 4, 5]);
    const seen = [2, 0, 4, 1, 3].map((job) => {
      ends[job]?.();
      return at(handle);
    });
    expect(seen).toEqual([0, 1, 1, 3, 5]);
  });

  test('device-submit-unordered: a point behind a later one counts as that', async () => {
    const handle = client.create();
    const ends = submitAll(handle, [1, 5, 3, 6, 7]);
    expect(client.query([handle], { lastSubmitted: true })).toEqual([7]);
    for (const end of ends.slice(0, 3)) end();
    expect(at(handle)).toBe(5);
    ends[3]?.();
    expect(at(handle)).toBe(6);
    const last = client.timelineWait([handle], [7]);
    ends[4]?.();
    expect([await last, at(handle)]).toEqual([0, 7]);
  });

  test('host-signal-ordered: a signal does not overtake jobs that are under way', async () => {
    const handle = client.create();
    client.timelineSignal([handle], [2]);
    const [four, five] = submitAll(handle, [4, 5]);
    client.timelineSignal([handle], [8]);
    const waiting = client.timelineWait([handle], [8]);
    expect(at(handle)).toBe(2);
    four?.();
    expect(at(handle)).toBe(4);
    five?.();
    expect([at(handle), await waiting]).toEqual([8, 0]);
  });

  test('transfer-timeline-point: between timelines and binary objects; a point that is missing is EINVAL', async () => {
    const [timeline, other, binary] = [client.create(), client.create(), client.create()];
    const missing = thrown(() => client.transfer(timeline, 1, binary, 0));
    expect(missing.code).toBe('EINVAL');
    const [first, second] = submitAll(timeline, [5, 6]);
    expect(thrown(() => client.transfer(timeline, 7, binary, 0)).code).toBe('EINVAL');
    client.transfer(timeline, 5, binary, 0);
    client.transfer(binary, 0, other, 9);
    const both = client.timelineWait([binary, other], [0, 9], { all: true });
    expect([at(timeline), at(binary), at(other)]).toEqual([0, 0, 0]);
    first?.();
    expect([await both, at(timeline), at(other)]).toEqual([0, 5, 9]);
    expect(await outcome(client.timelineWait([timeline], [6], { timeout: 0 }))).toBe('ETIMEDOUT');
    second?.();
    expect(at(timeline)).toBe(6);
  });

  test('32bits-limit: points on both sides of 2^31 and 2^32 keep their order', async () => {
    const handle = client.create();
    const points = [31, 32].flatMap((bits) => [-1, 0, 1].map((more) => 2 ** bits + more));
    const ends = submitAll(handle, points);
    const waits = points.map((point) => client.timelineWait([handle], [point]));
    const seen = ends.map((end) => {
      end();
      return at(handle);
    });
    expect(seen).toEqual(points);
    expect(await Promise.all(waits)).toEqual(points.map(() => 0));
  });
});
