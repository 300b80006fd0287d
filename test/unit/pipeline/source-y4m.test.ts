// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Reader } from '../../../src/tools/pipeline/reader.js';
import { Y4mSource } from '../../../src/tools/pipeline/source-y4m.js';
import { UserError } from '../../../src/tools/pipeline/user-error.js';

class TextReader implements Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  closed = false;

  constructor(text: string) {
    this.#bytes = new TextEncoder().encode(text);
  }

  readFull(target: Uint8Array): Promise<number> {
    const part = this.#bytes.subarray(this.#at, this.#at + target.length);
    target.set(part);
    this.#at += part.length;
    return Promise.resolve(part.length);
  }

  close(): void {
    this.closed = true;
  }
}

const HEADER = 'YUV4MPEG2 W2 H2 Cmono\n';

function open(text: string): Promise<Y4mSource> {
  return Y4mSource.open(new TextReader(text), { name: 'in.y4m', file: null, repeatable: true });
}

/** All frames as text; what read() throws is thrown. */
async function framesOf(text: string): Promise<string[]> {
  const source = await open(text);
  const pixels = new Uint8Array(source.format.geometry.bytes);
  const frames: string[] = [];
  while (await source.read(pixels)) frames.push(new TextDecoder().decode(pixels));
  return frames;
}

describe('a Y4M stream', () => {
  it('gives its frames and ends', async () => {
    expect(await framesOf(`${HEADER}FRAME\nabcdFRAME\nefgh`)).toEqual(['abcd', 'efgh']);
    expect(await framesOf(HEADER)).toEqual([]);
  });

  it('may have parameters per frame', async () => {
    expect(await framesOf(`${HEADER}FRAME Ip X=1\nabcdFRAME\nefgh`)).toEqual(['abcd', 'efgh']);
  });

  it.each([
    [`${HEADER}FRAME\nabcdFRAME\nef`, 'in.y4m: truncated: the video ends within frame 2 (2 of 4'],
    [`${HEADER}FRAME\nabcdFRA`, 'in.y4m: truncated: the video ends within frame 2 (in the line'],
    [`${HEADER}FRAME\nabcdFRAME`, 'in.y4m: truncated: the video ends within frame 2 (in the line'],
    [`${HEADER}FRAME Ip`, 'in.y4m: frame 1 begins with "FRAME ", not with FRAME'],
    [`${HEADER}FRAME\nabcdef\ng`, 'in.y4m: frame 2 begins with "ef?g", not with FRAME'],
    [`${HEADER}FRAMING\nabcd`, 'in.y4m: frame 1 begins with "FRAMING", not with FRAME'],
  ])('%j is refused', async (text, reason) => {
    await expect(framesOf(text)).rejects.toThrow(UserError);
    await expect(framesOf(text)).rejects.toThrow(reason);
  });

  it.each(['', 'YUV4MPEG2 W2 H2', `YUV4MPEG2 ${'x'.repeat(2000)}\n`])(
    'without a whole header line is refused, and its reader closed',
    async (text) => {
      const reader = new TextReader(text);
      const input = { name: 'in.y4m', file: null, repeatable: true };
      await expect(Y4mSource.open(reader, input)).rejects.toThrow('it has no header line');
      expect(reader.closed).toBe(true);
    },
  );
});
