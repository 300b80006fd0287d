// SPDX-License-Identifier: MIT

import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/tools/pipeline/user-error.js';
import {
  formatHeader,
  isFrameLine,
  parseHeader,
  printable,
} from '../../../src/tools/pipeline/y4m.js';
import { fc } from '../properties.js';
import { geometries } from './arbitraries.js';

describe('a Y4M header', () => {
  it('survives writing and reading, with all it says', () => {
    const tags = fc.subarray(['F30000:1001', 'Ip', 'A1:1', 'XYSCSS=420', 'XCOLORRANGE=LIMITED']);
    fc.assert(
      fc.property(geometries, tags, (geometry, kept) => {
        const colours = geometry.chroma === '420' ? ['420', '420jpeg', '420paldv'] : [];
        for (const colour of [...colours, geometry.chroma]) {
          const format = { geometry, tags: kept, colour };
          expect(parseHeader(formatHeader(format).trimEnd())).toEqual(format);
        }
      }),
    );
  });

  it('without colour space is 4:2:0', () => {
    const { geometry } = parseHeader('YUV4MPEG2 W5 H3 F25:1');
    expect(geometry.chroma).toBe('420');
    expect(geometry.bytes).toBe(15 + 2 * 3 * 2);
  });

  it.each([
    ['RIFF', /does not begin with YUV4MPEG2/],
    ['YUV4MPEG2 H3', /no width/],
    ['YUV4MPEG2 W3', /no height/],
    ['YUV4MPEG2 W0 H3', /width is "0"/],
    ['YUV4MPEG2 W-3 H3', /width is "-3"/],
    ['YUV4MPEG2 W3x H3', /width is "3x"/],
    ['YUV4MPEG2 W3 H16385', /height is "16385"/],
    ['YUV4MPEG2 W3 H1e3', /height is "1e3"/],
    ['YUV4MPEG2 W3 W4 H3', /W is given twice/],
    ['YUV4MPEG2 W3 H3 C420p10', /only 8-bit/],
    ['YUV4MPEG2 W3 H3 C444alpha', /only 8-bit/],
    ['YUV4MPEG2 W3 H3 C411', /only 8-bit/],
  ])('%j is refused', (line, reason) => {
    expect(() => parseHeader(line)).toThrow(UserError);
    expect(() => parseHeader(line)).toThrow(reason);
  });

  it('that is no text at all is refused with a printable line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (line) => {
        expect(() => parseHeader(`YUV4MPEG2 W3 H3 C${line}x`)).toThrow(/^[\x20-\x7e…]*$/);
      }),
    );
  });
});

describe('a frame line', () => {
  it('is FRAME, with or without parameters', () => {
    expect(isFrameLine('FRAME')).toBe(true);
    expect(isFrameLine('FRAME Ip')).toBe(true);
    expect(isFrameLine('FRAMES')).toBe(false);
    expect(isFrameLine('frame')).toBe(false);
  });
});

describe('foreign text in a message', () => {
  it('is one short printable line', () => {
    expect(printable('a\nb')).toBe('"a?b"');
    expect(printable('x'.repeat(100)).length).toBeLessThan(50);
  });
});
