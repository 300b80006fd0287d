// SPDX-License-Identifier: MIT
/** A made-up source tree on disk, gone at the end of the block. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export function makeTree(files: Readonly<Record<string, string>>): Disposable & { root: string } {
  const root = mkdtempSync(path.join(tmpdir(), 'dmabuf-tree-'));
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}
