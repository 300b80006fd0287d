// SPDX-License-Identifier: MIT
/**
 * A bounded part of `npm run kill-test`: members are killed at random points of everything they can do, and nothing is lost,
 * leaked, or left waiting. And each of its figures shows the faults that it is for.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Domain } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { FAULTS } from '../kill/faults.mjs';
import { seedOfRun } from './support/random.js';

const MAIN = fileURLToPath(new URL('../kill/main.mjs', import.meta.url));
const PROCESSES = Domain.support().processes.ok;
const CLEAN = { corruptions: 0, stuckWaiters: 0, leakedBuffers: 0, leakedFds: 0 };
const TIME = { timeout: 180_000 };

interface Outcome {
  readonly code: number | string | null | undefined;
  readonly text: string;
  readonly figures: typeof CLEAN & { readonly kills: number };
}

function killTest(args: readonly string[]): Promise<Outcome> {
  const all = [MAIN, '--json', '--seed', `${seedOfRun()}`, ...args];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, all, (error, stdout, stderr) => {
      const text = `${stdout}${stderr}`;
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      if (!last.startsWith('{')) reject(new Error(text));
      else
        resolve({ code: error?.code ?? 0, text, figures: JSON.parse(last) as Outcome['figures'] });
    });
  });
}

describe('random kills under load leave nothing behind', () => {
  test('40 threads', TIME, async () => {
    const { code, text, figures } = await killTest(['--as', 'thread', '--kills', '40']);
    expect({ code, text, ...figures }).toMatchObject({ code: 0, kills: 40, ...CLEAN });
    // Else it has shown nothing: about six do.
    expect(text).toMatch(/with a lock: [1-9]/);
  });

  test.skipIf(!PROCESSES).each([
    [16, 'processes', []],
    [12, 'processes, some of them brokers', ['--founder']],
  ])('%d %s', TIME, async (kills, _who, more) => {
    const { code, text, figures } = await killTest(['--kills', `${kills}`, ...more]);
    expect({ code, text, ...figures }).toMatchObject({ code: 0, kills, ...CLEAN });
  });
});

/** The first fault of each figure. */
const planted = Object.entries(FAULTS).filter(
  ([, { shows }], index, all) => all.findIndex(([, fault]) => fault.shows === shows) === index,
);

describe('a fault shows in its figure', () => {
  test.each(planted)('%s', TIME, async (fault, { shows }) => {
    const args = ['--as', 'thread', '--patience', '1000', '--fault', fault];
    const { code, text, figures } = await killTest(args);
    expect(figures[shows], text).toBeGreaterThan(0);
    expect(code).toBe(1);
  });
});
