// SPDX-License-Identifier: MIT
/** Entering a domain of processes, and leaving it, at bad moments. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stations } from '../../../src/agent/index.js';
import { Slots } from '../../../src/agent/slots.js';
import { Domain } from '../../../src/domain/index.js';
import { SECTIONS } from '../../../src/domain/layout.js';
import { DmaBufError } from '../../../src/errors.js';
import {
  isTaskGone,
  ownProcess,
  ownProcessStart,
  ownThread,
} from '../../../src/host/node-threads.js';
import { Arena } from '../../../src/mem/index.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'dmabuf-test-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

const create = (): Promise<Domain> =>
  Domain.create({ processes: path.join(directory, 'domain'), heap: 65_536 });

describe('whoever joins', () => {
  test('while the broker ends, before it can wake all the others, is told so', async () => {
    const domain = await create();
    const stations = new Stations(Arena.open(domain.handle.arena, SECTIONS), {
      isGone: isTaskGone,
    });
    // Nobody has told how to wake this one.
    stations.enter(stations.admit(ownProcess(), ownProcessStart()));
    const join = Domain.join(path.join(directory, 'domain'));
    const [, , joiner] = await stationsOf(stations, 3);
    expect(joiner?.station).toBe(2);
    await Promise.all([
      expect(join).rejects.toMatchObject({ code: 'ENOENT', op: 'Domain.join' }),
      domain.close(),
    ]);
  });

  test('as a thread of a process that has left is told so', async () => {
    const domain = await create();
    const { handle } = domain;
    await domain.close();
    await expect(Domain.join(handle)).rejects.toMatchObject({ code: 'ESTALE' });
  });
});

test('a process whose thread stays hears of newcomers, from whoever is the broker then', async () => {
  const domain = await create();
  const arena = Arena.open(domain.handle.arena, SECTIONS);
  const stations = new Stations(arena, { isGone: isTaskGone });
  const slots = new Slots(arena, { isGone: isTaskGone });
  const [founder] = [...stations.all()] as [ReturnType<Stations['admit']>];
  const who = { pid: ownProcess(), station: 1, kind: 'thread', member: 0, name: 'stays' } as const;
  const stays = slots.join({ ...ownThread(), ...who });
  const second = await Domain.join(path.join(directory, 'domain'));
  await domain.close();
  const third = await joinAgain();
  const [, , newcomer] = await stationsOf(stations, 3);
  const rings = (): boolean =>
    [...stations.all()].some(
      (name) => name.station === newcomer?.station && stations.rings(founder, name),
    );
  while (!rings()) await new Promise((resolve) => setImmediate(resolve));
  slots.free(stays);
  await stationsOf(stations, 2);
  await third.close();
  await second.close();
});

/** As soon as somebody listens. */
async function joinAgain(): Promise<Domain> {
  for (;;) {
    try {
      return await Domain.join(path.join(directory, 'domain'));
    } catch (error) {
      if (!DmaBufError.is(error, 'ENOENT')) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** When there are so many that can be woken. */
async function stationsOf(
  stations: Stations,
  count: number,
): Promise<readonly { station: number }[]> {
  for (;;) {
    const all = [...stations.all()];
    if (all.length === count && all.every((name) => stations.pid(name.station) !== 0)) return all;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
