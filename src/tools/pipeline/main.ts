// SPDX-License-Identifier: MIT
/**
 * main — `npm start`: video -> filter workers -> encoder, by shared buffers, and for comparison by copies.
 *
 * Exit codes: 0 all frames done · 1 one line on stderr says what is wrong · 130 stopped by Ctrl-C.
 */
import { runCopies } from './copy-mode.js';
import { frameLayout } from './frame-layout.js';
import { Interrupt } from './interrupt.js';
import { framesInFlight, type Job, type Result } from './job.js';
import { openSource } from './open-source.js';
import { type Mode, type Options, parseOptions, USAGE } from './options.js';
import { Progress } from './progress.js';
import { runSharing } from './sharing-mode.js';
import { closeSink, openSink } from './sink.js';
import type { Source } from './source.js';
import { PatternSource } from './source-pattern.js';
import { summary, toJson } from './summary.js';
import { messageOf, systemReason, UserError } from './user-error.js';

const INTERRUPTED = 130;
/** How long Ctrl-C waits for a clean end. */
const GRACE_MS = 3000;
/** The comparison is over the first frames only: it is slower, and says no more after that. */
const COMPARED_FRAMES = 60;
const MAX_POOL_BYTES = 4 * 2 ** 30;

async function main(args: readonly string[], interrupt: Interrupt): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === null) {
      await tell(process.stdout, USAGE);
      return 0;
    }
    const results = await runAll(options, interrupt.signal);
    const text = options.json ? results.map(toJson).join('\n') : summary(results, options.filter);
    await tell(options.output === '-' ? process.stderr : process.stdout, `${text}\n`);
    return 0;
  } catch (error) {
    if (interrupt.signal.aborted) {
      interrupt.tell();
      return INTERRUPTED;
    }
    process.stderr.write(`dmabuf: ${messageOf(error)}\n`);
    return 1;
  }
}

/** Until it is written. @throws UserError */
async function tell(stream: NodeJS.WriteStream, text: string): Promise<void> {
  const error = await new Promise<unknown>((resolve) => stream.write(text, resolve));
  // A reader that leaves early is no fault of ours.
  if (!error || (error instanceof Error && 'code' in error && error.code === 'EPIPE')) return;
  throw new UserError(`cannot write the result: ${systemReason(error)}`);
}

async function runAll(options: Options, signal: AbortSignal): Promise<Result[]> {
  const source = await openSource(options, signal);
  try {
    checkMemory(source, options.workers);
    const output = await sinkOf(options, source, signal);
    try {
      const mode = options.mode ?? 'threads';
      const first = await runMode(
        mode,
        options,
        source,
        { frames: options.frames, output },
        signal,
      );
      if (first.frames === 0) throw new UserError('the input has no frames');
      if (options.mode !== null || options.json) return [first];
      const second = await compare(options, source, first, signal);
      if (source.repeatable) checkSame(first, second);
      return [first, second];
    } finally {
      if (output !== null) closeSink(output);
    }
  } finally {
    source.close();
  }
}

function sinkOf(options: Options, source: Source, signal: AbortSignal): Promise<number | null> {
  if (options.output === null) return Promise.resolve(null);
  return openSink(options.output, source.file, signal);
}

function checkMemory(source: Source, workers: number): void {
  const { geometry } = source.format;
  const frames = framesInFlight(workers);
  const needed = frames * frameLayout(geometry, workers).size;
  if (needed <= MAX_POOL_BYTES) return;
  const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  throw new UserError(
    `${frames} frames of ${geometry.width}x${geometry.height} in flight need ${gib(needed)} GiB, ` +
      `more than ${gib(MAX_POOL_BYTES)}: take a smaller size or fewer --workers`,
  );
}

/** The other way, over the first frames of the same input; of a pipe, which is empty now, a pattern of its size. */
async function compare(
  options: Options,
  used: Source,
  first: Result,
  signal: AbortSignal,
): Promise<Result> {
  const frames = Math.min(first.frames, COMPARED_FRAMES);
  const source = used.repeatable
    ? await openSource({ ...options, frames }, signal)
    : new PatternSource(used.format.geometry);
  try {
    return await runMode('copy', options, source, { frames, output: null }, signal);
  } finally {
    source.close();
  }
}

/** @throws Error both ways must give the same pixels */
function checkSame(first: Result, second: Result): void {
  const expected = first.frames > second.frames ? first.prefixChecksum : first.checksum;
  if (second.checksum === expected) return;
  throw new Error(
    `the first ${second.frames} frames differ: ${expected} by ${first.mode}, ` +
      `${second.checksum} by ${second.mode}`,
  );
}

async function runMode(
  mode: Mode,
  options: Options,
  source: Source,
  part: Pick<Job, 'frames' | 'output'>,
  signal: AbortSignal,
): Promise<Result> {
  const { workers, filter, killEvery } = options;
  const bar = new Progress(mode.padEnd(9), part.frames);
  const progress = (frames: number): void => bar.update(frames);
  const prefix = COMPARED_FRAMES;
  const job: Job = { source, workers, filter, killEvery, prefix, signal, progress, ...part };
  try {
    return await (mode === 'copy' ? runCopies(job) : runSharing(mode, job));
  } finally {
    bar.end();
  }
}

// Whoever writes gets the error, and an error message that cannot be written has no other place to go.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
process.exitCode = await main(process.argv.slice(2), new Interrupt(GRACE_MS));
