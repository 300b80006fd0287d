// SPDX-License-Identifier: MIT
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openInput, type Reader, readerOf } from '../../src/tools/pipeline/reader.js';

let directory = '';
let stop = new AbortController();
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dmabuf-test-'));
  stop = new AbortController();
});
afterEach(() => rmSync(directory, { recursive: true }));

/** 0, 1, … 250, 0, 1, …: no power of two, so that nothing lines up by chance. */
function pattern(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (from + index) % 251);
}

function shared(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

interface Opened {
  readonly reader: Reader;
  readonly writer: ChildProcess | null;
}

const KINDS: Record<string, (content: Uint8Array) => Opened> = {
  file: (content) => {
    const path = join(directory, 'file');
    writeFileSync(path, content);
    return { reader: readerOf(openInput(path), stop.signal), writer: null };
  },
  pipe: (content) => {
    const [path, file] = [join(directory, 'pipe'), join(directory, 'content')];
    execFileSync('mkfifo', [path]);
    writeFileSync(file, content);
    const reader = readerOf(openInput(path), stop.signal);
    return { reader, writer: spawn('sh', ['-c', `cat '${file}' > '${path}'`]) };
  },
};

describe.each(Object.entries(KINDS))('%s', (_, open) => {
  it('is read exactly as far as asked, into shared memory', async () => {
    const lengths = [1, 9, 1, 200_000, 1, 0, 6, 131_072];
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const { reader } = open(pattern(total + 50));
    let at = 0;
    for (const length of lengths) {
      const target = shared(length);
      expect(await reader.readFull(target)).toBe(length);
      expect(Buffer.compare(target, pattern(length, at))).toBe(0);
      at += length;
    }
    expect(await reader.readFull(shared(100))).toBe(50);
    expect(await reader.readFull(shared(100))).toBe(0);
    reader.close();
  });

  it('answers nothing more once it is closed', async () => {
    const { reader, writer } = open(pattern(1000));
    expect(await reader.readFull(shared(10))).toBe(10);
    reader.close();
    reader.close();
    expect(await reader.readFull(shared(10))).toBe(0);
    writer?.kill();
  });
});

describe('a pipe that nobody writes to', () => {
  it.each(['close', 'abort'])('does not keep its reader: %s', async (way) => {
    const path = join(directory, 'silent');
    execFileSync('mkfifo', [path]);
    const reader = readerOf(openInput(path), stop.signal);
    const read = reader.readFull(shared(10));
    if (way === 'close') reader.close();
    else stop.abort();
    expect(await read).toBe(0);
  });
});

describe('an input that is none', () => {
  it.each([
    ['missing', 'cannot read .*missing: no such file or directory'],
    ['.', 'cannot read .*: it is a directory'],
  ])('%s is refused', (name, reason) => {
    expect(() => openInput(`${directory}/${name}`)).toThrow(new RegExp(reason));
  });
});
