// SPDX-License-Identifier: MIT
/**
 * y4m — the text parts of a YUV4MPEG2 stream: one header line, and one line before each frame's planes.
 *
 * We take what the filters can work on: 8 bits, planes of 4:2:0, 4:2:2, 4:4:4 or luma only. What the header says
 * beyond that (rate, interlacing, aspect, remarks) is kept word by word and written back as it was.
 */
import { CHROMAS, type Chroma, type Geometry, geometryOf, MAX_SIDE } from './geometry.js';
import { UserError } from './user-error.js';

export const MAGIC = 'YUV4MPEG2';
/** Longer than any header that a program writes; a line without end is not Y4M. */
export const MAX_LINE = 1024;
export const FRAME_LINE = 'FRAME\n';

export interface VideoFormat {
  readonly geometry: Geometry;
  /** All parameters other than W, H and C, in the order they came. */
  readonly tags: readonly string[];
  /** As in the header: 420jpeg, 420mpeg2 and 420paldv say where chroma samples sit, which no filter minds. */
  readonly colour: string;
}

/** @param line  the header line without its line feed.  @throws UserError what is wrong with it */
export function parseHeader(line: string): VideoFormat {
  const [magic, ...words] = line.split(' ');
  if (magic !== MAGIC) throw new UserError(`not a Y4M video: it does not begin with ${MAGIC}`);
  const given = new Map<string, string>();
  const tags: string[] = [];
  for (const word of words.filter((text) => text !== '')) {
    const key = word.charAt(0);
    if (key === 'W' || key === 'H' || key === 'C') {
      if (given.has(key)) throw new UserError(`bad Y4M header: ${key} is given twice`);
      given.set(key, word.slice(1));
    } else {
      tags.push(word);
    }
  }
  const colour = given.get('C') ?? '420';
  const geometry = geometryOf(
    side('width', given.get('W')),
    side('height', given.get('H')),
    chromaOf(colour),
  );
  return { geometry, tags, colour };
}

function side(what: string, text: string | undefined): number {
  if (text === undefined) throw new UserError(`bad Y4M header: no ${what}`);
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > MAX_SIDE) {
    throw new UserError(`bad Y4M header: ${what} is ${printable(text)}, not 1 to ${MAX_SIDE}`);
  }
  return value;
}

function chromaOf(colour: string): Chroma {
  const chroma = /^420(jpeg|mpeg2|paldv)$/.test(colour) ? '420' : colour;
  const known = CHROMAS.find((name) => name === chroma);
  if (known !== undefined) return known;
  throw new UserError(
    `Y4M colour space ${printable(colour)} is not supported: only 8-bit 420, 422, 444 and mono are`,
  );
}

/** With its line feed. */
export function formatHeader(format: VideoFormat): string {
  const { width, height } = format.geometry;
  return `${[MAGIC, `W${width}`, `H${height}`, ...format.tags, `C${format.colour}`].join(' ')}\n`;
}

/** @param line  without its line feed. Frame parameters are allowed and mean nothing to us. */
export function isFrameLine(line: string): boolean {
  return line === 'FRAME' || line.startsWith('FRAME ');
}

/** Foreign text for an error message: one line, no control characters, not too long. */
export function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?');
  return JSON.stringify(clean.length > 40 ? `${clean.slice(0, 40)}…` : clean);
}
