// SPDX-License-Identifier: MIT
/** What a process was spawned with is found once, by it alone. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';

const PROGRAM = `
  const { Domain } = await import(${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)});
  const { fstatSync } = await import('node:fs');
  const codes = [];
  for (const _ of [1, 2]) await Domain.join().catch(({ code }) => codes.push(code));
  fstatSync(0);
  console.log(codes.join(' '));
`;

describe('a process that inherits the name of a descriptor, but not the descriptor', () => {
  test('is told so once, and keeps what it has there', () => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', PROGRAM],
      { env: { ...process.env, DMABUF_HERITAGE: '0' }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    expect([stdout.toString().trim(), stderr.toString()]).toEqual(['EPROTO ENOENT', '']);
  });
});
