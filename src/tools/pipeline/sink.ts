// SPDX-License-Identifier: MIT
/**
 * sink — where filtered frames go: a Y4M file or pipe. Opened by the main thread, so that a bad path is known
 * before the first frame; written by the encoder's thread, since all threads share the descriptors. An encoder in a process of
 * its own inherits stdout; any other sink it opens once more, by way of the descriptor that is open: the same file or pipe, whatever
 * its path leads to by then.
 */
import { closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { FileIdentity } from './source.js';
import { systemReason, UserError } from './user-error.js';
import { FRAME_LINE, formatHeader, type VideoFormat } from './y4m.js';

const STDOUT = 1;
/** A non-blocking pipe, ours or one that somebody made so, is tried again after so many milliseconds if its reader is slow. */
const RETRY_MS = 2;
/** How often a named pipe is asked whether it has a reader by now. */
const POLL_MS = 50;

/** @param path  '-' is stdout.  @returns a descriptor.  @throws UserError */
export async function openSink(
  path: string,
  input: FileIdentity | null,
  signal: AbortSignal,
): Promise<number> {
  if (path === '-') {
    if (!isatty(STDOUT)) return STDOUT;
    throw new UserError('stdout is a terminal: send the video to a file or a pipe');
  }
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there !== undefined && there.ino === input?.ino && there.dev === input.dev) {
      throw new UserError('it is the input');
    }
    return there?.isFIFO() === true ? await openPipe(path, signal) : openSync(path, 'w');
  } catch (error) {
    signal.throwIfAborted();
    throw new UserError(`cannot write ${path}: ${systemReason(error)}`);
  }
}

/** Opening a named pipe that nobody reads would block this thread, and Ctrl-C with it. */
async function openPipe(path: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    try {
      // Kept as it is: closed and opened again, its reader would take the pause for the end of the video.
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!hasCode(error, 'ENXIO')) throw error;
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

export function closeSink(fd: number): void {
  if (fd !== STDOUT) closeSync(fd);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Where an encoder writes: a descriptor of its own process, or the path of somebody else's. */
export type Output = number | string;

/** What the encoder is told about a sink that is open here. */
export function outputFor(as: 'thread' | 'process', fd: number | null): Output | null {
  return as === 'thread' || fd === null || fd === STDOUT ? fd : `/proc/${process.pid}/fd/${fd}`;
}

export class VideoWriter {
  #output: Output;
  #line: Uint8Array;

  constructor(output: Output, format: VideoFormat) {
    this.#output = output;
    this.#line = new TextEncoder().encode(formatHeader(format) + FRAME_LINE);
  }

  /** @throws UserError the disk is full, the reader has gone … */
  async write(pixels: Uint8Array): Promise<void> {
    await this.#writeAll(this.#line);
    await this.#writeAll(pixels);
    this.#line = new TextEncoder().encode(FRAME_LINE);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const n = this.#writeSome(bytes, written);
      if (n === 0) await sleep(RETRY_MS);
      written += n;
    }
  }

  #writeSome(bytes: Uint8Array, from: number): number {
    try {
      // Of a pipe that its reader has left, opening waits for another reader, unless told not to.
      if (typeof this.#output === 'string')
        this.#output = openSync(this.#output, constants.O_WRONLY | constants.O_NONBLOCK);
      return writeSync(this.#output, bytes, from);
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return 0;
      throw new UserError(`cannot write the output: ${systemReason(error)}`);
    }
  }
}
