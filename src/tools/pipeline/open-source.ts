// SPDX-License-Identifier: MIT
/**
 * open-source — which source an input needs: a Y4M stream is read by us, any other file through ffmpeg, and no
 * input at all is the test pattern.
 */
import { readSync } from 'node:fs';
import { geometryOf } from './geometry.js';
import type { Options } from './options.js';
import { closeInput, type OpenedInput, openInput, readerOf, unreadable } from './reader.js';
import type { Source } from './source.js';
import { openFfmpeg } from './source-ffmpeg.js';
import { PatternSource } from './source-pattern.js';
import { Y4mSource } from './source-y4m.js';
import { MAGIC } from './y4m.js';

/** @throws UserError */
export async function openSource(options: Options, signal: AbortSignal): Promise<Source> {
  const { input, frames } = options;
  if (input === null) return new PatternSource(geometryOf(options.width, options.height, '420'));
  const opened = openInput(input);
  const file = { dev: opened.stats.dev, ino: opened.stats.ino };
  // A stream cannot be looked into without taking bytes out of it: it has to be Y4M.
  const named = opened.stats.isFile() && input !== '-';
  if (named && !/\.y(4m|uv4mpeg)$/i.test(input) && !beginsWithMagic(opened)) {
    closeInput(opened.fd);
    return openFfmpeg(input, file, frames, signal);
  }
  const { name } = opened;
  return Y4mSource.open(readerOf(opened, signal), { name, file, repeatable: named });
}

/** @throws UserError; the descriptor is closed then */
function beginsWithMagic({ fd, name }: OpenedInput): boolean {
  const start = new Uint8Array(MAGIC.length);
  try {
    const length = readSync(fd, start, 0, start.length, 0);
    return new TextDecoder().decode(start.subarray(0, length)) === MAGIC;
  } catch (error) {
    closeInput(fd);
    throw unreadable(name, error);
  }
}
