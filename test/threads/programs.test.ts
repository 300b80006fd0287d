// SPDX-License-Identifier: MIT
/** When a program ends: by itself once nothing is awaited, and not before what it awaits has come. */
import { describe, expect, test } from 'vitest';
import { HOST } from './support/host.js';
import { runProgram } from './support/run-program.js';

const run = (file: string) => runProgram(new URL(`./programs/${file}`, import.meta.url));

describe('a program', { timeout: 90_000 }, () => {
  test('ends by itself with everything left open: no handle keeps it alive', async () => {
    expect(await run('ends.mjs')).toEqual({ code: 0, lines: ['the last line'], errors: '' });
  });

  test('ends by itself after its thread has ended', async () => {
    const lines = ['echo 7', 'the last line'];
    expect(await run('closes.mjs')).toEqual({ code: 0, lines, errors: '' });
  });

  test('does not end while it awaits: each pending wait keeps it alive', async () => {
    const lines = ['fence', 'any', 'lock', 'receive', 'acquire', 'end'];
    expect(await run('pending.mjs')).toEqual({ code: 0, lines, errors: '' });
  });

  test('does not end while it awaits a thread that does not keep it alive', async () => {
    const lines = ['received 7'];
    expect(await run('waits-for-thread.mjs')).toEqual({ code: 0, lines, errors: '' });
  });

  // Processes live on: they are members as others are.
  if (HOST === 'process') return;
  test('that fails ends, with its threads blocked', async () => {
    const { code, errors } = await run('orphan.mjs');
    expect(code).toBe(1);
    expect(errors).toContain('main fails');
  });
});
