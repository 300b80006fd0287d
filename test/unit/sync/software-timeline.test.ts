// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest';
import { Fence } from '../../../src/fence/index.js';
import { SoftwareTimeline, SyncFile } from '../../../src/sync/index.js';
import { codeOf } from '../fence/rooms.js';
import { type Rig, rig } from './rig.js';

const MOST = 0xffff_ffff;
const INT_MAX = 0x7fff_ffff;

let a: Rig;
let timeline: SoftwareTimeline;
beforeEach(() => {
  a = rig();
  timeline = SoftwareTimeline.create(a, 'soft');
});

/** Moves on, from 0, to any value. */
const moveTo = (value: number): void => timeline.inc((value - timeline.value) >>> 0);

describe('a software timeline', () => {
  test('signals a point when it comes to its value', () => {
    const file = timeline.createFence(5, 'five');
    expect([file.name, file.status, timeline.value]).toEqual(['five', 0, 0]);
    timeline.inc(4);
    expect(file.status).toBe(0);
    timeline.inc(1);
    expect([file.status, timeline.value]).toEqual([1, 5]);
    timeline.inc(10);
    expect(file.status).toBe(1);
  });

  test('names its points after itself', () => {
    expect(timeline.createFence(7).name).toBe(`dmabuf-soft${timeline.id}-7`);
    expect(SoftwareTimeline.create(a).createFence(1).name).toMatch(/^dmabuf-sw_sync\d+-1$/);
  });

  test('a point that it has come to has signalled from the beginning', () => {
    timeline.inc(5);
    const states = [4, 5, 6].map((value) => timeline.createFence(value).status);
    expect(states).toEqual([1, 1, 0]);
  });

  test('an unsignalled point of the same value is shared, a signalled one is not', () => {
    const [one, two] = [timeline.createFence(3), timeline.createFence(3)];
    expect([one.fence === two.fence, one.id === two.id]).toEqual([true, false]);
    one.close();
    timeline.inc(3);
    expect(two.status).toBe(1);
    expect(timeline.createFence(3).fence).not.toBe(two.fence);
  });

  test('points signal in order, whatever the order they were made in', async () => {
    const order: number[] = [];
    for (const value of [3, 1, 2]) {
      timeline.createFence(value).fence.onSignal(() => void order.push(value));
    }
    timeline.inc(3);
    await new Promise((resolve) => void setImmediate(resolve));
    expect(order).toEqual([1, 2, 3]);
  });

  test('values wrap: what is less than half of all ahead is still to come', () => {
    moveTo(MOST - 1);
    const [last, wrapped, past] = [MOST, 2, MOST - 5].map((value) => timeline.createFence(value));
    expect([last?.status, wrapped?.status, past?.status]).toEqual([0, 0, 1]);
    timeline.inc(1);
    expect([last?.status, wrapped?.status]).toEqual([1, 0]);
    timeline.inc(3);
    expect([wrapped?.status, timeline.value]).toEqual([1, 2]);
  });

  test('exactly half ahead counts as past, one less does not', () => {
    expect(timeline.createFence(2 ** 31).status).toBe(1);
    expect(timeline.createFence(INT_MAX).status).toBe(0);
    expect(timeline.createFence(MOST).status).toBe(1);
  });

  test('a step of more than half passes over nothing', () => {
    const [near, far] = [timeline.createFence(1), timeline.createFence(INT_MAX)];
    timeline.inc(MOST);
    expect([near.status, far.status, timeline.value]).toEqual([1, 1, MOST]);
  });

  test('across the wrap the later point is left of a merge', () => {
    moveTo(MOST - 1);
    const [before, after] = [timeline.createFence(MOST), timeline.createFence(1)];
    expect(before.merge(after).fence).toBe(after.fence);
    expect(Fence.merge(after.fence, before.fence)).toBe(after.fence);
  });

  test('a point before the beginning can be named like any other', () => {
    const { fence } = timeline.createFence(MOST);
    expect(Fence.from(a, fence.toJSON()).signaled).toBe(true);
  });

  test('a past point does not take the place of an open one in a reservation', async () => {
    const buf = a.alloc();
    const [open, past] = [timeline.createFence(5), timeline.createFence(MOST)];
    using lock = await buf.resv.lock();
    lock.reserve(2);
    lock.add(open.fence as Fence, 'read');
    lock.add(past.fence as Fence, 'read');
    expect(buf.resv.test('read')).toBe(false);
  });

  test('its end fails what is open with ENOENT, and leaves what has signalled', async () => {
    const [over, open] = [timeline.createFence(1), timeline.createFence(2)];
    timeline.inc(1);
    timeline.close();
    timeline.close();
    await open.wait();
    expect([over.status, open.status]).toEqual([1, 'ENOENT']);
    expect(await codeOf(() => timeline.inc(1))).toBe('ESTALE');
    expect(await codeOf(() => timeline.createFence(9))).toBe('ESTALE');
  });

  test('so does the end of its domain', () => {
    const { fence } = timeline.createFence(2);
    a.leave();
    expect(fence.error).toBe('ENOENT');
  });

  test('what is wrong is refused, and nothing is made', async () => {
    for (const wrong of [-1, 0.5, MOST + 1, '1' as never]) {
      expect(await codeOf(() => timeline.inc(wrong))).toBe('EINVAL');
      expect(await codeOf(() => timeline.createFence(wrong))).toBe('EINVAL');
    }
    expect(await codeOf(() => timeline.createFence(1, 5 as never))).toBe('EINVAL');
    expect(await codeOf(() => SoftwareTimeline.create(null as never))).toBe('EINVAL');
    expect(await codeOf(() => SoftwareTimeline.create({} as never))).toBe('EINVAL');
    expect(await codeOf(() => SoftwareTimeline.create(a, 'n'.repeat(32)))).toBe('EINVAL');
    expect(() => structuredClone(timeline)).toThrow(/share\(\)/);
    expect(timeline.value).toBe(0);
  });

  test('what it makes is a sync file like any other', () => {
    expect(timeline.createFence(1)).toBeInstanceOf(SyncFile);
  });
});
