// SPDX-License-Identifier: MIT
/** Entering a domain of processes, and leaving it, at bad moments. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stations } from '../../../src/agent/index.js';
import { Domain } from '../../../src/domain/index.js';
import { SECTIONS } from '../../../src/domain/layout.js';
import { isTaskGone, ownProcess, ownProcessStart } from '../../../src/host/node-threads.js';
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
