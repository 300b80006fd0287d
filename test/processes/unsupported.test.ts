// SPDX-License-Identifier: MIT
/** Where processes do not work the user is told why and what to do, and threads work as ever. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { runCommand } from '../threads/support/run-program.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = 'test/processes/programs/without.mjs';

describe('without koffi', () => {
  // As `npm install --omit=optional` leaves it: the package, and nothing beside it.
  const folder = mkdtempSync(path.join(tmpdir(), 'dmabuf-alone-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const copy = (from: string, to: string): void =>
    cpSync(path.join(root, from), path.join(folder, to), { recursive: true });

  test('a domain of processes is ENOTSUP, which says what to install; threads work', async () => {
    copy('dist', 'node_modules/dmabuf/dist');
    copy('package.json', 'node_modules/dmabuf/package.json');
    copy(PROGRAM, PROGRAM);
    copy('test/threads/programs/echo-once.mjs', 'test/threads/programs/echo-once.mjs');
    const { code, lines, errors } = await runCommand(process.execPath, [
      path.join(folder, PROGRAM),
    ]);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const [created, joined, support, echo] = lines;
    expect(created).toMatch(/^ENOTSUP: .*koffi is not installed.*npm install koffi/);
    expect(joined).toMatch(/^ENOTSUP: .*koffi is not installed.*npm install koffi/);
    expect(support).toMatch(/koffi is not installed.*npm install koffi/);
    expect(echo).toBe('echo 7');
  });
});

describe.each([
  ['with too little address space', ['bash', '-c', 'ulimit -v 4000000; exec "$@"', 'bash'], []],
  ['without a compiler for WebAssembly', [], ['--jitless']],
])('%s', (_where, before, flags) => {
  test('a domain of processes is a typed error, which says what to do; one of threads can be made', async () => {
    const line = [...before, process.execPath, ...flags, path.join(root, PROGRAM), 'alone'];
    const [command = '', ...args] = line;
    // Node itself may have something to say about its flags.
    const { code, lines } = await runCommand(command, args);
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^(ENOTSUP|ENOMEM): /);
    expect(lines[0]).toMatch(/ulimit -v|--jitless/);
  });
});
