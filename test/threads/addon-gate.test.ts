// SPDX-License-Identifier: MIT
/** A thread that is ended while it loads the native addon would take the process down with it: nobody ends it then. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Tenths of a millisecond after which they are ended: loading takes about 5 ms, somewhere in there. */
const DELAYS = Array.from({ length: 24 }, (_, n) => String(3 + 3 * n));
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
    for (const delay of DELAYS.slice(0, 12)) expect(await run('exit', [delay])).toEqual([0, null]);
  },
  SECONDS,
);
