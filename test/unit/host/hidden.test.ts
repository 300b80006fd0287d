// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const HIDING = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"';
const script = fileURLToPath(new URL('hidden.mjs', import.meta.url));

/** A command in a mount namespace of its own, where /proc shows the tasks of one's own user only. */
function hiding(...command: string[]) {
  return spawnSync('unshare', ['-m', 'sh', '-c', HIDING, 'sh', ...command], { encoding: 'utf8' });
}

const able = hiding('true').status === 0;
if (!able) console.warn('SKIPPED: a /proc that hides processes needs root and unshare');

test.skipIf(!able)('a process that /proc hides from us is not taken for dead', () => {
  const { pid: gone } = spawnSync('true');
  const { status, stderr } = hiding(process.execPath, script, `${process.pid}`, `${gone}`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
