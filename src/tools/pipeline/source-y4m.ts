// SPDX-License-Identifier: MIT
/**
 * source-y4m — frames of a Y4M stream, each read straight to where it is wanted.
 */
import type { Reader } from './reader.js';
import type { FileIdentity, Source } from './source.js';
import { UserError } from './user-error.js';
import {
  FRAME_LINE,
  isFrameLine,
  MAX_LINE,
  parseHeader,
  printable,
  type VideoFormat,
} from './y4m.js';

export interface Y4mInput {
  /** For messages. */
  readonly name: string;
  readonly file: FileIdentity | null;
  readonly repeatable: boolean;
}

const LINE_FEED = 10;

export class Y4mSource implements Source {
  readonly format: VideoFormat;
  readonly file: FileIdentity | null;
  readonly repeatable: boolean;
  readonly #reader: Reader;
  readonly #name: string;
  readonly #line = new Uint8Array(FRAME_LINE.length);
  #frames = 0;

  private constructor(reader: Reader, input: Y4mInput, format: VideoFormat) {
    this.#reader = reader;
    this.#name = input.name;
    this.file = input.file;
    this.repeatable = input.repeatable;
    this.format = format;
  }

  /** Takes the reader over, and reads the header. @throws UserError */
  static async open(reader: Reader, input: Y4mInput): Promise<Y4mSource> {
    try {
      const line = await readLine(reader, '');
      return new Y4mSource(reader, input, formatOf(line, input.name));
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  async read(pixels: Uint8Array): Promise<boolean> {
    if (!(await this.#frameLine())) return false;
    const bytes = await this.#reader.readFull(pixels);
    if (bytes < pixels.length) this.#truncated(`${bytes} of ${pixels.length} bytes`);
    this.#frames++;
    return true;
  }

  close(): void {
    this.#reader.close();
  }

  async #frameLine(): Promise<boolean> {
    const bytes = await this.#reader.readFull(this.#line);
    if (bytes === 0) return false;
    const start = String.fromCharCode(...this.#line.subarray(0, bytes));
    if (start === FRAME_LINE) return true;
    if (FRAME_LINE.startsWith(start)) this.#truncated('in the line before its pixels');
    const line = start.includes('\n') ? start : await readLine(this.#reader, start);
    if (line !== null && isFrameLine(line)) return true;
    throw new UserError(
      `${this.#name}: frame ${this.#frames + 1} begins with ${printable(line ?? start)}, not with FRAME`,
    );
  }

  #truncated(where: string): never {
    throw new UserError(
      `${this.#name}: truncated: the video ends within frame ${this.#frames + 1} (${where})`,
    );
  }
}

/** @throws UserError  A reader's errors name their file, those of a header do not. */
function formatOf(line: string | null, name: string): VideoFormat {
  try {
    if (line !== null) return parseHeader(line);
    throw new UserError('not a Y4M video: it has no header line');
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${name}: ${error.message}`) : error;
  }
}

/** Up to the next line feed, which is taken but not returned; null: the stream ends before one, or none comes. */
async function readLine(reader: Reader, start: string): Promise<string | null> {
  const byte = new Uint8Array(1);
  let line = start;
  while (line.length < MAX_LINE) {
    if ((await reader.readFull(byte)) === 0) return null;
    if (byte[0] === LINE_FEED) return line;
    line += String.fromCharCode(byte[0] ?? 0);
  }
  return null;
}
