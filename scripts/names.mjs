// SPDX-License-Identifier: MIT
/** Runs all scripts that compare what the documents name with what there is, each with the same arguments (`--check`). */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const script of ['semantics.mjs', 'linux-names.mjs', 'kernel-tests.mjs']) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
