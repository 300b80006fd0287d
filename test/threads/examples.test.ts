// SPDX-License-Identifier: MIT
/** The programs of examples/, compiled as a user would and run in processes of their own. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Examples } from './support/examples.js';
import { runCommand } from './support/run-program.js';

const examples = new Examples('examples');
const run = (name: string) => runCommand(process.execPath, [examples.file(name)]);

describe('the example', { timeout: 90_000 }, () => {
  beforeAll(() => examples.compile(), 60_000);

  test('1-main hands three frames to a worker', async () => {
    const lines = [0, 1, 2].map((n) => `frame ${n}: first byte ${n}`);
    expect(await run('1-main')).toEqual({ code: 0, lines, errors: '' });
  });

  test('2-main has four filters on each frame, and encodes them complete and in order', async () => {
    const lines = Array.from({ length: 24 }, (_, n) => `picture ${n}: complete`);
    expect(await run('2-main')).toEqual({ code: 0, lines, errors: '' });
  });

  test('3-dynamic moves its memory while an importer draws it', async () => {
    const lines = ['100 pictures drawn, 10 moves'];
    expect(await run('3-dynamic')).toEqual({ code: 0, lines, errors: '' });
  });

  test('5-main mixes three buffers in two threads, in opposite orders', async () => {
    expect(await run('5-main')).toEqual({ code: 0, lines: ['every sample: 60'], errors: '' });
  });

  test.each([
    ['6-tests', 40],
    ['7-tests', 30],
  ])('%s finds nothing wrong with its exporter', async (name, most) => {
    const { code, lines, errors } = await run(name);
    const failed = lines.filter((line) => /^\s*not ok|✖/.test(line));
    expect({ code, errors, failed }).toEqual({ code: 0, errors: '', failed: [] });
    const [passed = ''] = lines.filter((line) => /^(#|ℹ) pass \d/.test(line));
    expect(Number(passed.replaceAll(/\D/g, ''))).toBeGreaterThan(most);
  });

  test('7-main counts the mappings of an attachment, and syncs the devices that have one', async () => {
    const lines = [
      '5 chunks; mapped: camera for-device, screen for-device',
      'one of two maps ended: nothing',
      'CPU access: camera for-cpu, screen for-cpu, camera for-device, screen for-device',
      'the other one: camera for-cpu',
      '200 KiB in use; never synced: printer',
    ];
    expect(await run('7-main')).toEqual({ code: 0, lines, errors: '' });
  });
});
