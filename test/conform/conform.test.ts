// SPDX-License-Identifier: MIT
/** Recorded traces of a real kernel, replayed; on processes: with memory files and doorbells between the agents (ground.mjs). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { RULES } from './differences.mjs';
import { replay } from './replay.mjs';
import { scenario, scenarios } from './scenarios.js';
import { ioctl, withObservation } from './tamper.js';
import type { Scenario } from './types.js';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const areas = [...new Set(scenarios.map(({ area }) => area))];

describe('the recorded traces', () => {
  test.each(areas)('%s: no result, callback, lock state or state is another', async (area) => {
    const outcomes = [];
    for (const each of scenarios) if (each.area === area) outcomes.push(await replay(each));
    expect(outcomes.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(0);
  });

  test('are replayed by what is in them, not by their names', async () => {
    for (const each of scenarios) {
      const { verdict } = await replay({ ...each, name: 'x', doc: '' });
      expect(`${each.name}: ${verdict}`).not.toContain('failed');
    }
  });

  test('differ by decisions that SEMANTICS.md has', () => {
    const semantics = readFileSync(here('../../SEMANTICS.md'), 'utf8');
    for (const { number } of RULES) expect(semantics).toContain(`| ${number} |`);
  });
});

const EXPORT = scenario('export', 'ok.static');

describe('the command', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conform-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) => {
    const ran = spawnSync(process.execPath, [here('main.mjs'), ...args], { encoding: 'utf8' });
    const lines = ran.stdout.trimEnd().split('\n');
    return { code: ran.status, last: lines.at(-1) ?? '', lines, stderr: ran.stderr };
  };

  const write = (name: string, traces: readonly Scenario[]): string => {
    writeFileSync(path.join(folder, name), JSON.stringify({ area: 'x', scenarios: traces }));
    return folder;
  };

  test('ends with the numbers, and with 0 when nothing failed', () => {
    const { code, last } = run(write('one.json', [EXPORT, scenario('sync_file', 'merge')]));
    expect([code, last]).toEqual([0, '1 passed, 0 failed, 1 differ']);
  });

  test.each(['thread', 'process'])('runs on the host that it is told: %s', (host) => {
    const traces = write('one.json', [
      EXPORT,
      scenario('resv_lock', 'wait_die.waiter_dies_for_older'),
    ]);
    const { code, last } = run('--host', host, traces);
    expect([code, last]).toEqual([0, '2 passed, 0 failed, 0 differ']);
  });

  test('refuses another host', () => {
    const { code, stderr } = run('--host', 'browser');
    expect([code, stderr]).toEqual([1, 'conform: --host is one of thread, process\n']);
  });

  test('ends with one JSON object if asked to, and with 1 when something failed', () => {
    const wrong = withObservation(EXPORT, 'buffer', (entry) => void (entry['size'] = 1 as never));
    const differs = scenario('attach', 'static_exporter.static_importer.pin_fails');
    const merge = scenario('sync_file', 'merge');
    const unknown = ioctl(merge, 'MERGE', (d) => void (d.args = { ...d.args, cmd: 'X' }))();
    const { code, last, lines } = run('--json', write('one.json', [wrong, differs, unknown]));
    expect([code, lines.at(-2)]).toEqual([1, '0 passed, 1 failed, 1 differ']);
    expect(JSON.parse(last)).toMatchObject({
      passed: 0,
      failed: 1,
      differ: 1,
      unsupported: ['sync_file/merge'],
      failures: [{ name: 'export/ok.static' }],
    });
  });

  test.each([
    ['no such folder', () => path.join(folder, 'none')],
    ['a folder without traces', () => mkdtempSync(path.join(folder, 'empty-'))],
    ['a folder with something else', () => (write('two.json', 1 as never), folder)],
    ['a scenario that is none', () => (write('two.json', [null as never]), folder)],
    ['a trace of nothing', () => (write('two.json', [{ ...EXPORT, trace: [] }]), folder)],
    [
      'an entry that is none',
      () => (write('two.json', [{ ...EXPORT, trace: [null as never] }]), folder),
    ],
  ])('ends with 1 and one line: %s', (_what, make) => {
    const { code, stderr } = run(make());
    expect([code, stderr.trimEnd().split('\n').length]).toEqual([1, 1]);
  });
});
