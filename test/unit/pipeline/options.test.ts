// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../../src/tools/pipeline/options.js';
import { UserError } from '../../../src/tools/pipeline/user-error.js';

describe('options', () => {
  it('without any: 300 frames of the test pattern, both ways', () => {
    expect(parseOptions([])).toEqual({
      input: null,
      output: null,
      width: 1920,
      height: 1080,
      frames: 300,
      workers: 4,
      filter: 'blur',
      mode: null,
      killEvery: null,
      json: false,
    });
  });

  it('with an input: all of its frames', () => {
    expect(parseOptions(['--input', '-'])).toMatchObject({ input: '-', frames: Infinity });
  });

  it('takes all that is asked for', () => {
    const line =
      '--size 64x48 --frames 7 --workers 2 --filter sobel --mode threads --kill 3 --json';
    expect(parseOptions(line.split(' '))).toMatchObject({
      width: 64,
      height: 48,
      frames: 7,
      workers: 2,
      filter: 'sobel',
      mode: 'threads',
      killEvery: 3,
      json: true,
    });
  });

  it.each(['--help', '-h'])('%s is no run', (flag) => {
    expect(parseOptions([flag])).toBeNull();
  });

  it.each([
    ['--workers 0', '--workers 0: must be a whole number, 1 to 64'],
    ['--workers 1000', '1 to 64'],
    ['--workers 1.5', '--workers 1.5'],
    ['--workers NaN', '--workers NaN'],
    ['--frames -1', '--frames -1: must be a whole number'],
    ['--frames 0', '--frames 0'],
    ['--frames 99999999999', '--frames 99999999999'],
    ['--size 0x0', '--size 0x0: must be WIDTHxHEIGHT'],
    ['--size NaNxNaN', '--size NaNxNaN'],
    ['--size -5x5', '--size -5x5'],
    ['--size 5', '--size 5'],
    ['--size 16385x1', '1 to 16384'],
    ['--size 2x2 --input a', '--size is for the test pattern'],
    ['--filter nothing', 'must be one of blur, sobel, invert'],
    ['--mode clone', 'must be one of threads, processes, copy'],
    ['--mode copy --kill 2', '--kill needs --mode threads or processes'],
    ['--json --output -', 'both want stdout'],
    ['--input=', '--input is empty'],
    ['--input', 'argument missing'],
    ['--colour', "Unknown option '--colour'"],
    ['video.y4m', "Unexpected argument 'video.y4m'"],
    ['--json=1', 'does not take an argument'],
  ])('%s is refused in one line', (line, reason) => {
    const parse = (): unknown => parseOptions(line.split(' '));
    expect(parse).toThrow(UserError);
    expect(parse).toThrow(reason);
    expect(parse).toThrow(/^[^\n]*$/);
  });
});
