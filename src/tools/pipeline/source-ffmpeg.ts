// SPDX-License-Identifier: MIT
/**
 * source-ffmpeg — any video that ffmpeg can decode, as 8-bit 4:2:0 Y4M from its stdout.
 *
 * A pipe that spawn() makes can only be read as a stream, which copies. So we make the pipe: a named one that is
 * unlinked as soon as both of its ends are open. ffmpeg gets the write end as its stdout, we read the other one
 * straight into our buffers; and since nobody else holds the write end, ffmpeg's end is the end of the stream.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Complaint } from './complaint.js';
import { PipeReader } from './reader.js';
import type { FileIdentity, Source } from './source.js';
import { Y4mSource } from './source-y4m.js';
import { messageOf, systemReason, UserError } from './user-error.js';

/** @param frames  how many will be wanted at most.  @throws UserError */
export async function openFfmpeg(
  path: string,
  file: FileIdentity,
  frames: number,
  signal: AbortSignal,
): Promise<Source> {
  requireProgram(path);
  const { readEnd, writeEnd } = makePipe();
  const decoder = new Decoder(path, frames, writeEnd);
  closeSync(writeEnd);
  const reader = new PipeReader(readEnd, `what ffmpeg makes of ${path}`, signal);
  try {
    const video = await Y4mSource.open(reader, { name: path, file, repeatable: true });
    return new FfmpegSource(video, decoder);
  } catch (error) {
    // It ended by itself: then it says why. It still runs: then it is we who do not like its video.
    if (!reader.drained) decoder.stop();
    await decoder.finished();
    throw error;
  }
}

function requireProgram(path: string): void {
  const { error } = spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' });
  if (error === undefined) return;
  throw new UserError(
    `${path} is not Y4M, and ffmpeg, which could decode it, does not start here; ` +
      'install it: apt-get install ffmpeg, brew install ffmpeg, or https://ffmpeg.org/download.html',
  );
}

function makePipe(): { readEnd: number; writeEnd: number } {
  let directory: string | null = null;
  try {
    directory = mkdtempSync(join(tmpdir(), 'dmabuf-'));
    const path = join(directory, 'video');
    const { error, status } = spawnSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    if (error !== undefined || status !== 0) throw new UserError('mkfifo failed');
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { readEnd, writeEnd: openSync(path, constants.O_WRONLY) };
  } catch (error) {
    throw new UserError(`cannot make a pipe for ffmpeg in ${tmpdir()}: ${systemReason(error)}`);
  } finally {
    if (directory !== null) rmSync(directory, { recursive: true, force: true });
  }
}

/** The process: why it ended, in its own words. */
class Decoder {
  readonly #path: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  readonly #complaint = new Complaint();
  #stopped = false;

  constructor(path: string, frames: number, stdout: number) {
    this.#path = path;
    const limit = frames === Infinity ? [] : ['-frames:v', String(frames)];
    // Without -xerror it leaves out what it cannot read, and says in the end that all went well.
    const strict = ['-hide_banner', '-nostdin', '-loglevel', 'error', '-xerror'];
    const video = [
      '-map',
      '0:v:0',
      ...limit,
      '-pix_fmt',
      'yuv420p',
      '-f',
      'yuv4mpegpipe',
      'pipe:1',
    ];
    this.#child = spawn('ffmpeg', [...strict, '-i', `file:${path}`, ...video], {
      stdio: ['ignore', stdout, 'pipe'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint.add(text);
    });
    this.#exit = new Promise((resolve, reject) => {
      this.#child.on('close', (code) => resolve(code));
      this.#child.on('error', (error) =>
        reject(new UserError(`ffmpeg does not start: ${messageOf(error)}`)),
      );
    });
    // Nobody may be waiting yet; finished() reports it.
    this.#exit.catch(() => undefined);
  }

  /** @throws UserError it failed, and not because we stopped it */
  async finished(): Promise<void> {
    const code = await this.#exit;
    this.#complaint.end();
    const { words, truncated } = this.#complaint;
    if (this.#stopped || (code === 0 && !truncated)) return;
    throw new UserError(`ffmpeg cannot decode ${this.#path}: ${words || `exit code ${code}`}`);
  }

  stop(): void {
    this.#stopped = true;
    this.#child.kill('SIGKILL');
  }
}

class FfmpegSource implements Source {
  readonly #video: Y4mSource;
  readonly #decoder: Decoder;
  readonly repeatable = true;

  constructor(video: Y4mSource, decoder: Decoder) {
    this.#video = video;
    this.#decoder = decoder;
  }

  get format() {
    return this.#video.format;
  }

  get file() {
    return this.#video.file;
  }

  async read(pixels: Uint8Array): Promise<boolean> {
    try {
      if (await this.#video.read(pixels)) return true;
    } catch (error) {
      // Half a frame: what ffmpeg says about it is the better explanation, if it says something.
      await this.#decoder.finished();
      throw error;
    }
    await this.#decoder.finished();
    return false;
  }

  close(): void {
    this.#decoder.stop();
    this.#video.close();
  }
}
