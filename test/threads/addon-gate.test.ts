// SPDX-License-Identifier: MIT
/** A thread that is ended while it loads the native addon would take the process down with it: nobody ends it then. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { dropGate, newGate, shut } from '../../src/host/addon-gate.js';

/** Tenths of a millisecond after which they are ended: loading takes about 5 ms, somewhere in there. */
const DELAYS = Array.from({ length: 12 }, (_, n) => String(3 + 6 * n));
const SECONDS = 60_000;

/** In a process of its own: what must not happen would end this one. @returns exit code and signal */
async function run(how: string, delays: readonly string[]): Promise<readonly unknown[]> {
  const script = fileURLToPath(new URL('programs/short-lives.mjs', import.meta.url));
  const child = fork(script, [how, ...delays], { stdio: ['ignore', 'inherit', 'ignore', 'ipc'] });
  return once(child, 'exit');
}

test(
  'threads that are terminated while they join leave the process alone',
  async () => {
    expect(await run('terminate', DELAYS)).toEqual([0, null]);
  },
  SECONDS,
);

test(
  'a process that exits while its threads join exits as it says',
  async () => {
    for (const delay of DELAYS.slice(0, 6)) expect(await run('exit', [delay])).toEqual([0, null]);
  },
  SECONDS,
);

/** Timers that keep the process alive. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

/** A gate whose thread loads: as `throughGate` leaves it until the load is over. */
function loadingGate(): { readonly gate: Int32Array; readonly loaded: () => void } {
  const gate = newGate();
  if (gate === null) throw new Error('not the main thread');
  expect(Atomics.compareExchange(gate, 0, 0, 1)).toBe(0);
  const loaded = (): void => {
    Atomics.store(gate, 0, 2);
    Atomics.notify(gate, 0);
  };
  return { gate, loaded };
}

test('who ends a thread waits for its load, without blocking, and keeps the process alive', async () => {
  const { gate, loaded } = loadingGate();
  const before = timers();
  let over = 0;
  const end = async (): Promise<void> => {
    await shut(gate);
    over++;
  };
  const ends = [end(), end()];
  for (let turns = 0; turns < 50; turns++) await turn();
  expect([over, timers()]).toEqual([0, before + 2]);
  loaded();
  await Promise.all(ends);
  expect([over, timers()]).toEqual([2, before]);
  expect(shut(gate)).toBe(null);
  dropGate(gate);
});

test('nobody waits for the load of a thread that has ended', async () => {
  const { gate } = loadingGate();
  const end = shut(gate);
  dropGate(gate);
  await end;
});

test('a thread that does not load is ended at once, and loads nothing any more', () => {
  const gate = newGate();
  expect(shut(gate)).toBe(null);
  expect(gate?.[0]).toBe(3);
  expect(shut(null)).toBe(null);
  dropGate(gate);
});
