// SPDX-License-Identifier: MIT
/**
 * options — the command line, read once and refused with one clear line when it makes no sense.
 */
import { parseArgs } from 'node:util';
import { FILTER_NAMES, type FilterName } from './filters.js';
import { MAX_SIDE } from './geometry.js';
import { messageOf, UserError } from './user-error.js';

const MODES = ['threads', 'processes', 'copy'] as const;
export type Mode = (typeof MODES)[number];
export type SharingMode = Exclude<Mode, 'copy'>;

export interface Options {
  /** A path, '-' for stdin, or null for the test pattern. */
  readonly input: string | null;
  /** A path, '-' for stdout, or null: checksum only. */
  readonly output: string | null;
  /** Of the test pattern. */
  readonly width: number;
  readonly height: number;
  /** At most; Infinity: as many as the input has. */
  readonly frames: number;
  readonly workers: number;
  readonly filter: FilterName;
  /** null: threads, then copy for comparison. */
  readonly mode: Mode | null;
  /** Kill a worker every so many frames; null: never. */
  readonly killEvery: number | null;
  readonly json: boolean;
}

const DEFAULT_WIDTH = 1920;
const DEFAULT_HEIGHT = 1080;
const DEFAULT_WORKERS = 4;
/** The test pattern never ends by itself. */
const PATTERN_FRAMES = 300;
const MAX_WORKERS = 64;
const MAX_FRAMES = 1e9;

export const USAGE = `Video -> filter workers -> encoder: every frame shared, none copied.

npm start -- [--input FILE] [--output FILE] [--size WxH] [--frames N] [--workers N]
             [--filter NAME] [--mode MODE] [--kill EVERY] [--json]

  --input FILE    Y4M file or pipe, - for stdin; any other file is decoded by ffmpeg.
                  Without it: a moving test pattern.
  --output FILE   write the result as Y4M, - for stdout. Without it: checksum only.
  --size WxH      of the test pattern (${DEFAULT_WIDTH}x${DEFAULT_HEIGHT})
  --frames N      stop after N frames (test pattern: ${PATTERN_FRAMES})
  --workers N     1 to ${MAX_WORKERS} filter workers, each with its band of rows (${DEFAULT_WORKERS})
  --filter NAME   ${FILTER_NAMES.join(', ')} (${FILTER_NAMES[0]})
  --mode MODE     threads, processes: workers are threads, or processes of their own, and
                  share the buffers. copy: the same work by postMessage between threads.
                  Without it: threads, then copy for comparison.
  --kill EVERY    kill a filter worker every EVERY frames, a process by SIGKILL; the result
                  stays the same
  --json          last line of stdout: the result as one JSON object (one mode); its
                  hopMicros is the wait for a worker, frameMicros a frame's whole way
`;

/** @returns null when help was asked for.  @throws UserError */
export function parseOptions(args: readonly string[]): Options | null {
  const given = parse(args);
  if (given.help === true) return null;
  const input = path('input', given.input);
  const output = path('output', given.output);
  if (input !== null && given.size !== undefined) {
    throw new UserError('--size is for the test pattern: a video has its own (leave out --size)');
  }
  const { width, height } = parseSize(given.size ?? `${DEFAULT_WIDTH}x${DEFAULT_HEIGHT}`);
  const frames = count('frames', given.frames, MAX_FRAMES);
  const mode = given.mode === undefined ? null : oneOf('mode', given.mode, MODES);
  const killEvery = count('kill', given.kill, MAX_FRAMES) ?? null;
  const json = given.json === true;
  if (killEvery !== null && mode === 'copy') {
    throw new UserError(
      '--kill needs --mode threads or processes: copies have nobody who redoes a frame',
    );
  }
  if (json && output === '-') {
    throw new UserError('--json and --output - both want stdout: write the video to a file');
  }
  return {
    input,
    output,
    width,
    height,
    frames: frames ?? (input === null ? PATTERN_FRAMES : Infinity),
    workers: count('workers', given.workers, MAX_WORKERS) ?? DEFAULT_WORKERS,
    filter:
      given.filter === undefined ? FILTER_NAMES[0] : oneOf('filter', given.filter, FILTER_NAMES),
    mode,
    killEvery,
    json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: joinNegatives(args),
      options: {
        input: { type: 'string' },
        output: { type: 'string' },
        size: { type: 'string' },
        frames: { type: 'string' },
        workers: { type: 'string' },
        filter: { type: 'string' },
        mode: { type: 'string' },
        kill: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UserError(`${messageOf(error)} (--help shows what there is)`);
  }
}

/** `--frames -1` becomes `--frames=-1`: refused for its value, not for looking like an option. */
function joinNegatives(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    if (/^-\d/.test(arg) && before?.startsWith('--') === true)
      joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

function path(option: string, text: string | undefined): string | null {
  if (text === '') throw new UserError(`--${option} is empty: give it a file, or - for a pipe`);
  return text ?? null;
}

function count(option: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new UserError(`--${option} ${text}: must be a whole number, 1 to ${max}`);
}

function parseSize(text: string): { width: number; height: number } {
  const [, width = '0', height = '0'] = /^(\d{1,6})x(\d{1,6})$/.exec(text) ?? [];
  const size = { width: Number(width), height: Number(height) };
  const fits = (side: number): boolean => side >= 1 && side <= MAX_SIDE;
  if (fits(size.width) && fits(size.height)) return size;
  throw new UserError(`--size ${text}: must be WIDTHxHEIGHT, each 1 to ${MAX_SIDE}`);
}

function oneOf<const T extends string>(option: string, text: string, names: readonly T[]): T {
  const found = names.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UserError(`--${option} ${text}: must be one of ${names.join(', ')}`);
}
