// SPDX-License-Identifier: MIT
/** Where a domain can be found: a socket in a directory of its own, which must be empty when the test is over. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export async function withPlace(test: (place: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'dmabuf-place-'));
  try {
    await test(path.join(directory, 'domain.sock'));
    const left = readdirSync(directory);
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
