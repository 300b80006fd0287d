// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { renderPerformance, replaceSection } from '../../../scripts/perf-readme.mjs';

const machine = { cpu: 'Some CPU', cores: 2, kernel: 'Linux 6', arch: 'x64', node: 'v20.19.0' };
const row = {
  name: 'hand-off',
  placement: '1',
  ours: 500,
  reference: 1000,
  ratio: 0.5,
  limit: 0.85,
  peers: {},
  against: ['wait'],
  missed: [] as string[],
  errors: [] as string[],
};
const render = (rows: object[]) =>
  renderPerformance({ date: '2026-01-02', machine, rounds: 7, rows });

describe('performance section', () => {
  it('names date, machine and rounds', () => {
    const text = render([row]);
    for (const fact of ['2026-01-02', 'Some CPU', '2 cores', 'Linux 6', 'v20.19.0', '7 rounds']) {
      expect(text).toContain(fact);
    }
  });

  it('puts both placements of a row on one line', () => {
    const other = { ...row, placement: '2', ours: 40, ratio: 0.04 };
    expect(render([row, other])).toContain(
      '| hand-off | wait | **0.5** (500 ns / 1 us) | **1/25** (40 ns / 1 us) |',
    );
  });

  it('lists what missed its limit', () => {
    expect(render([row])).toContain('Every row is within its limit.');
    expect(render([{ ...row, missed: ['ratio'] }])).toContain('MISSED hand-off (one core): 0.5');
  });

  it('replaces what is between the markers, and refuses a text without them', () => {
    const readme = 'a\n<!-- perf:begin -->\nold\n<!-- perf:end -->\nz\n';
    expect(replaceSection(readme, 'new')).toBe(
      'a\n<!-- perf:begin -->\nnew\n<!-- perf:end -->\nz\n',
    );
    expect(() => replaceSection('a\n<!-- perf:end -->\n<!-- perf:begin -->', 'new')).toThrow(
      'README.md needs',
    );
  });
});
