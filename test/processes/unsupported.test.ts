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
    expect(support).toMatch(/koffi is not installed.*Linux.*npm install koffi/);
    expect(echo).toBe('echo 7');
  });
});

const run = (line: readonly string[]) => runCommand(line[0] ?? '', line.slice(1));
const limited = (kib: number): readonly string[] => [
  'bash',
  '-c',
  `ulimit -v ${kib}; exec "$@"`,
  'bash',
];
const program = (name: string): string => path.join(root, `test/processes/programs/${name}.mjs`);

const REFUSED = /^ENOTSUP: Domain\.spawn: .*--jitless.*ulimit -v/;

describe.each([
  // From Node 22 on this may be enough for the engine.
  [
    'with little address space',
    [...limited(4_000_000), process.execPath],
    new RegExp(`${REFUSED.source}|^a thread was started$`),
  ],
  ['without WebAssembly', [process.execPath, '--jitless'], REFUSED],
])('%s', (_where, node, outcome) => {
  test('processes share frames all the same; a thread is refused, and told why', async () => {
    // Node itself may have something to say about its flags.
    const { code, lines } = await run([...node, program('cramped')]);
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [
        '50 frames, awaiting',
        '50 frames, blocking',
        expect.stringMatching(outcome),
        'the last line',
      ],
    });
  });
});

test('with no address space for it, a domain of processes is ENOMEM, which says what to do', async () => {
  const huge = String(7 * 2 ** 30);
  const line = [...limited(4_000_000), process.execPath, program('without'), 'alone', huge];
  const { code, lines } = await run(line);
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^ENOMEM: Domain\.create: .*raise ulimit -v/);
});
