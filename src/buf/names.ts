// SPDX-License-Identifier: MIT
/**
 * buf/names — a buffer's name, read without a lock.
 *
 * Two copies: the writer, who holds the reservation lock, writes the one that does not count and then moves the version on. A
 * reader takes the copy its version names and looks again; a version that moved means that what it read may be torn.
 *
 * Pairs  P9 reader: version, copy, version again ↔ writer: other copy, then version.
 */

import { fail, shown } from '../errors.js';
import {
  byteLength,
  load,
  readText,
  store,
  textWords,
  type Words,
  writeText,
} from '../mem/index.js';
import { BufferLayout, NAME_BYTES } from './layout.js';

const buffer = BufferLayout.at;
const COPY = textWords(NAME_BYTES);

/** @throws EINVAL no string, or longer than 31 bytes: a name is never cut */
export function checkName(op: string, what: string, name: unknown): string {
  if (typeof name !== 'string') {
    throw fail('EINVAL', op, { [what]: shown(name) }, { why: `${what} must be a string` });
  }
  const bytes = byteLength(name);
  if (bytes <= NAME_BYTES) return name;
  const why = `${what} must have at most ${NAME_BYTES} bytes of UTF-8`;
  throw fail('EINVAL', op, { [what]: shown(name), bytes }, { why });
}

/** The name of the buffer whose row begins at `at`; null = it has none. */
export function readName(words: Words, at: number): string | null {
  for (;;) {
    const version = load(words, at + buffer.nameVersion); // P9
    if (version === 0) return null;
    const name = readText(words, at + buffer.names + (version & 1) * COPY, NAME_BYTES);
    if (load(words, at + buffer.nameVersion) === version) return name; // P9
  }
}

/** By the builder, or with the reservation lock held. */
export function writeName(words: Words, at: number, name: string): void {
  const next = Math.max(1, (load(words, at + buffer.nameVersion) + 1) & 0x7fff_ffff);
  writeText(words, at + buffer.names + (next & 1) * COPY, name);
  store(words, at + buffer.nameVersion, next); // P9
}
