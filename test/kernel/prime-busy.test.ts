// SPDX-License-Identifier: MIT
/**
 * What IGT asks in tests/prime_busy.c: work on a shared object shows in the poll of its file. The work is a fence here, where IGT
 * submits a batch to each engine: an object that is written, beside one that is only read.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import type { DmaBuf } from '../../src/buf/index.js';
import type { Timeline } from '../../src/fence/index.js';
import { DmaBufFile, POLLIN, POLLOUT } from '../../src/file/index.js';
import { type Rig, rigs } from '../unit/file/rig.js';

const BOTH = POLLIN | POLLOUT;

let rig: Rig;
let engine: Timeline;
let read: DmaBuf;
let written: DmaBuf;
beforeEach(() => {
  [rig] = rigs() as [Rig];
  engine = rig.fences.timeline('engine');
  [read, written] = [rig.heap.alloc(4096), rig.heap.alloc(4096)];
});

/** A batch that reads one and writes the other, until it is told to end. */
function spin(): void {
  const batch = engine.next();
  for (const [buf, usage] of [
    [read, 'read'],
    [written, 'write'],
  ] as const) {
    using lock = buf.resv.lockSync();
    lock.reserve(1);
    lock.add(batch, usage);
  }
}

const files = (): [DmaBufFile, DmaBufFile] => [DmaBufFile.open(read), DmaBufFile.open(written)];

const ready = (...all: DmaBufFile[]): Promise<number[]> =>
  Promise.all(all.map((file) => file.poll(BOTH, 0)));

const BUSY = [POLLIN, 0];
const IDLE = [BOTH, BOTH];

/** Whoever waits is told in the end, and not before. */
async function waits(
  [one, other]: readonly [DmaBufFile, DmaBufFile],
  end: () => void,
): Promise<void> {
  const told: string[] = [];
  const waiting = [
    one.poll(POLLOUT).then((bits) => told.push(`read ${bits}`)),
    other.poll(POLLIN).then((bits) => told.push(`written ${bits}`)),
    other.poll(POLLOUT).then((bits) => told.push(`written ${bits}`)),
  ];
  expect(await ready(one, other)).toEqual(BUSY);
  expect(told).toEqual([]);
  end();
  await Promise.all(waiting);
  expect(told.toSorted()).toEqual([`read ${POLLOUT}`, `written ${POLLIN}`, `written ${POLLOUT}`]);
}

describe('prime_busy', () => {
  test('before: exported before the work begins; written is busy for IN and OUT, read for OUT only', async () => {
    const both = files();
    expect(await ready(...both)).toEqual(IDLE);
    spin();
    expect(await ready(...both)).toEqual(BUSY);
    engine.signal(1);
    expect(await ready(...both)).toEqual(IDLE);
  });

  test('before-wait: and poll waits for its end', async () => {
    const both = files();
    spin();
    await waits(both, () => engine.signal(1));
    expect(await ready(...both)).toEqual(IDLE);
  });

  test('after: exported while the work is under way', async () => {
    spin();
    const both = files();
    expect(await ready(...both)).toEqual(BUSY);
    engine.signal(1);
    expect(await ready(...both)).toEqual(IDLE);
  });

  test('after-wait: and poll waits for its end', async () => {
    spin();
    const both = files();
    await waits(both, () => engine.signal(1));
    expect(await ready(...both)).toEqual(IDLE);
  });

  test('hang: work that never ends is reset, with an error: then all is idle', async () => {
    spin();
    const both = files();
    expect(await ready(...both)).toEqual(BUSY);
    engine.fail(1, 'EIO');
    expect(await ready(...both)).toEqual(IDLE);
  });

  test('hang-wait: and who polls is told when it is', async () => {
    spin();
    const both = files();
    await waits(both, () => engine.fail(1, 'EIO'));
    expect(await ready(...both)).toEqual(IDLE);
  });
});
