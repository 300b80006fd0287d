// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { Complaint } from '../../../src/tools/pipeline/complaint.js';

function heard(...pieces: readonly string[]): Complaint {
  const complaint = new Complaint();
  for (const piece of pieces) complaint.add(piece);
  complaint.end();
  return complaint;
}

describe('of all that ffmpeg says', () => {
  it.each([
    ['the line that names the fault', 'odd\nx: partial file\nError at MB: 12\n', 'x: partial file'],
    ['the last of them', 'a: partial file\nInvalid data found\nbye\n', 'Invalid data found'],
    ['the first line, where none does', 'No such codec\nConversion failed!\n', 'No such codec'],
    ['a last line without its end', 'odd\nmoov atom not found', 'moov atom not found'],
    ['nothing, where nothing was said', '\n', ''],
  ])('%s is shown', (_, text, words) => {
    expect(heard(text).words).toBe(words);
  });

  it('a line may come in pieces', () => {
    expect(heard('x: par', 'tial fi', 'le\nmore\n')).toMatchObject({
      words: 'x: partial file',
      truncated: true,
    });
  });

  it('not every fault is a truncation', () => {
    expect(heard('File ended prematurely\n').truncated).toBe(true);
    expect(heard('Invalid data found\n').truncated).toBe(false);
  });
});
