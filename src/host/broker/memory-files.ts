// SPDX-License-Identifier: MIT
/**
 * broker/memory-files — memory files of single buffers, held so that any member can open them. By buffer, and for as long as there is
 * that buffer: who has published it withdraws it, or has gone.
 */

import { readFileSync } from 'node:fs';
import { fail } from '../../errors.js';
import { closeDescriptor } from '../linux/descriptors.js';
import { checkMemoryFile } from '../linux/memory-file.js';
import type { MemoryKey } from './messages.js';

const OP = 'broker';

/** A descriptor of a memory file, and its size. */
export interface MemoryFile {
  readonly descriptor: number;
  readonly bytes: number;
}

/** Half of what this process may have open: the rest is for its members, and for the program around. */
function half(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? 65_536 : Math.floor(Number(soft) / 2);
}

export class MemoryFiles {
  readonly #files = new Map<string, MemoryFile & { readonly owner: number }>();
  readonly #most = half();

  /**
   * Holds this one, whose descriptor is its own from now on, unless it throws. `owner`: row of the station that has published it.
   * @throws EPROTO no memory file, or another size · EEXIST there is one for this buffer · ENFILE there are too many
   */
  add(key: MemoryKey, file: MemoryFile, owner: number): void {
    const at = { ...key };
    checkMemoryFile(OP, file.descriptor, file.bytes);
    const name = nameOf(key);
    if (this.#files.has(name))
      throw fail('EEXIST', OP, at, { why: 'this buffer has a memory file already' });
    if (this.#files.size >= this.#most) {
      const why = `the broker holds ${this.#most} memory files: raise the number of files it may open (ulimit -n)`;
      throw fail('ENFILE', OP, at, { why });
    }
    this.#files.set(name, { ...file, owner });
  }

  get(key: MemoryKey): MemoryFile | null {
    return this.#files.get(nameOf(key)) ?? null;
  }

  /** No such file is fine: somebody else was faster. */
  withdraw(key: MemoryKey): void {
    const name = nameOf(key);
    const file = this.#files.get(name);
    if (file === undefined) return;
    this.#files.delete(name);
    closeDescriptor(file.descriptor);
  }

  /** That station has gone: nobody releases its buffers, and nobody is to open them. */
  forget(owner: number): void {
    for (const [name, file] of this.#files) {
      if (file.owner !== owner) continue;
      this.#files.delete(name);
      closeDescriptor(file.descriptor);
    }
  }

  close(): void {
    for (const { descriptor } of this.#files.values()) closeDescriptor(descriptor);
    this.#files.clear();
  }
}

function nameOf({ row, generation }: MemoryKey): string {
  return `${row}:${generation}`;
}
