// SPDX-License-Identifier: MIT
/**
 * reader — bytes from a file or a pipe straight into memory of ours, shared memory too, exactly as many as asked
 * for. Nothing is read ahead, so nothing has to be copied out of a buffer in between.
 *
 * A file is read by fs.read. A pipe is not: fs.read would park a thread of the pool in the kernel until bytes come,
 * and the program could not even exit. It is read by a socket that is told where to put the bytes.
 */
import { closeSync, constants, fstatSync, openSync, read, type Stats } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { systemReason, UserError } from './user-error.js';

export interface Reader {
  /** Fills `target`. One call at a time. @returns bytes read: fewer only at the end, or after close(). */
  readFull(target: Uint8Array): Promise<number>;
  close(): void;
}

export interface OpenedInput {
  readonly fd: number;
  /** For messages. */
  readonly name: string;
  readonly stats: Stats;
}

const STDIN = 0;

/** @param path  '-' is stdin.  @throws UserError */
export function openInput(path: string): OpenedInput {
  const fd = path === '-' ? STDIN : openForReading(path);
  if (isatty(fd)) throw new UserError('the input is a terminal: pipe a Y4M video into it');
  const stats = fstatSync(fd);
  if (!stats.isDirectory()) return { fd, name: path === '-' ? 'stdin' : path, stats };
  closeInput(fd);
  throw new UserError(`cannot read ${path}: it is a directory`);
}

/** Takes the descriptor over. When `signal` aborts, readFull() answers as at the end. */
export function readerOf({ fd, name, stats }: OpenedInput, signal: AbortSignal): Reader {
  const streaming = stats.isFIFO() || stats.isSocket();
  return streaming ? new PipeReader(fd, name, signal) : new FileReader(fd, name);
}

export function closeInput(fd: number): void {
  if (fd !== STDIN) closeSync(fd);
}

function openForReading(path: string): number {
  try {
    // Non-blocking: opening a named pipe does not wait for its writer, reading does.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(path, error);
  }
}

export function unreadable(name: string, error: unknown): UserError {
  return new UserError(`cannot read ${name}: ${systemReason(error)}`);
}

const readAsync = promisify(read);

class FileReader implements Reader {
  readonly #fd: number;
  readonly #name: string;
  #closed = false;

  constructor(fd: number, name: string) {
    this.#fd = fd;
    this.#name = name;
  }

  async readFull(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length && !this.#closed) {
      const { bytesRead } = await readAsync(
        this.#fd,
        target,
        filled,
        target.length - filled,
        null,
      ).catch((error: unknown) => {
        throw unreadable(this.#name, error);
      });
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeInput(this.#fd);
  }
}

interface PendingRead {
  readonly target: Uint8Array;
  filled: number;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The socket asks where to put the next bytes as soon as it has delivered the last ones, which is before the next
 * readFull() is known. So between two calls it is given one byte of its own: each call gets its first byte from there,
 * and all others directly.
 */
export class PipeReader implements Reader {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #first = new Uint8Array(1);
  #pending: PendingRead | null = null;
  #ended = false;
  #drained = false;
  #error: Error | null = null;

  /** Takes the descriptor over. @param name  for messages */
  constructor(fd: number, name: string, signal: AbortSignal) {
    this.#name = name;
    // @types/node knows `onread` only for connect(); the constructor takes it too.
    const options: ConstructorParameters<typeof Socket>[0] & { onread: object } = {
      fd,
      readable: true,
      writable: false,
      onread: {
        buffer: () => this.#next(),
        callback: (bytes: number) => this.#arrived(bytes),
      },
    };
    this.#socket = new Socket(options);
    this.#socket.on('end', () => {
      this.#drained = true;
      this.#finish(null);
    });
    this.#socket.on('close', () => this.#finish(null));
    this.#socket.on('error', (error) => this.#finish(error));
    this.#socket.pause();
    signal.addEventListener('abort', () => this.close(), { once: true });
  }

  readFull(target: Uint8Array): Promise<number> {
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended || target.length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.#pending = { target, filled: 0, resolve, reject };
      this.#socket.resume();
    });
  }

  /** The writer has closed its end, and everything was read. */
  get drained(): boolean {
    return this.#drained;
  }

  close(): void {
    this.#finish(null);
    this.#socket.destroy();
  }

  #next(): Uint8Array {
    const pending = this.#pending;
    return pending === null ? this.#first : pending.target.subarray(pending.filled);
  }

  /** @returns whether to go on reading. */
  #arrived(bytes: number): boolean {
    const pending = this.#pending;
    if (pending === null) return false;
    if (pending.filled === 0) pending.target.set(this.#first);
    pending.filled += bytes;
    if (pending.filled < pending.target.length) return true;
    this.#pending = null;
    this.#socket.pause();
    pending.resolve(pending.filled);
    return false;
  }

  #finish(error: Error | null): void {
    if (error !== null) this.#error ??= unreadable(this.#name, error);
    this.#ended = true;
    const pending = this.#pending;
    this.#pending = null;
    if (this.#error !== null) pending?.reject(this.#error);
    else pending?.resolve(pending.filled);
  }
}
