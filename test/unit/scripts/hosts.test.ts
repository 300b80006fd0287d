// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { onProcesses, THREADS_ONLY } from '../../hosts.js';

const missing = (files: readonly string[]): string[] =>
  files.filter((name) => !existsSync(fileURLToPath(new URL(`../../../${name}`, import.meta.url))));

describe('the tests that run on processes', () => {
  it('are there, and so are those that do not', () => {
    const [some, all] = [onProcesses(false), onProcesses(true)];
    const named = [...some.include, ...all.include].filter((name) => !name.includes('*'));
    expect(missing([...named, ...all.exclude])).toEqual([]);
  });

  it('are all of test/threads but those that have a reason', () => {
    const { include, exclude } = onProcesses(true);
    expect(include).toContain('test/threads/*.test.ts');
    expect(exclude).toHaveLength(Object.keys(THREADS_ONLY).length);
    for (const why of Object.values(THREADS_ONLY)) expect(why).not.toBe('');
  });

  it('are never those that make no sense there', () => {
    const { exclude } = onProcesses(true);
    expect(onProcesses(false).include.filter((name) => exclude.includes(name))).toEqual([]);
  });
});
