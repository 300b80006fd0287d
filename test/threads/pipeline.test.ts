// SPDX-License-Identifier: MIT
/** The main job as its user runs it: a process, its files and pipes, its exit code. */
import {
  type ChildProcessWithoutNullStreams,
  execFileSync,
  spawn,
  spawnSync,
} from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FILTER_NAMES, type FilterName, filterBand } from '../../src/tools/pipeline/filters.js';
import { CHROMAS, geometryOf } from '../../src/tools/pipeline/geometry.js';
import { PatternSource } from '../../src/tools/pipeline/source-pattern.js';
import { FRAME_LINE, formatHeader } from '../../src/tools/pipeline/y4m.js';

const MAIN = fileURLToPath(new URL('../../dist/tools/pipeline/main.js', import.meta.url));
const NO_LEAKS = { buffers: 0, attachments: 0, locks: 0, fences: 0 };

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dmabuf-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function start(args: readonly string[], env = process.env): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], { cwd: directory, env });
}

function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }));
  });
}

function run(line: string, stdin: Uint8Array | null = null, env = process.env): Promise<Outcome> {
  const child = start(line.split(' '), env);
  // It may refuse its input, or what comes after its last frame.
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  return outcomeOf(child);
}

/** The JSON object of a run that went well. */
async function resultOf(line: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(`${line} --json`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout.toString().trimEnd().split('\n').at(-1) ?? '') as Record<
    string,
    unknown
  >;
}

/** A video of the test pattern, and what a filter makes of it. */
async function video(chroma: (typeof CHROMAS)[number], filter: FilterName, frames: number) {
  const geometry = geometryOf(50, 34, chroma);
  const source = new PatternSource(geometry);
  const line = new TextEncoder().encode(FRAME_LINE);
  const input = [new TextEncoder().encode(formatHeader(source.format))];
  const output = [...input];
  for (let n = 0; n < frames; n++) {
    const [pixels, filtered] = [new Uint8Array(geometry.bytes), new Uint8Array(geometry.bytes)];
    await source.read(pixels);
    filterBand(filter, geometry, pixels, filtered, 0, geometry.height);
    input.push(line, pixels);
    output.push(line, filtered);
  }
  return { input: Buffer.concat(input), output: Buffer.concat(output) };
}

describe('one input gives one checksum', () => {
  it.each(FILTER_NAMES)('%s: by 1 worker, by 4, and by copies', async (filter) => {
    const line = `--size 322x182 --frames 12 --filter ${filter}`;
    const one = await resultOf(`${line} --mode threads --workers 1`);
    const four = await resultOf(`${line} --mode threads --workers 4`);
    const copy = await resultOf(`${line} --mode copy --workers 3`);
    expect(one).toMatchObject({ mode: 'threads', frames: 12, width: 322, height: 182, workers: 1 });
    expect([four['checksum'], copy['checksum']]).toEqual([one['checksum'], one['checksum']]);
    expect([one['bytesCopiedPerFrame'], four['bytesCopiedPerFrame']]).toEqual([0, 0]);
    expect(copy['bytesCopiedPerFrame']).toBeGreaterThan(322 * 182);
    expect([one['leaks'], four['leaks']]).toEqual([NO_LEAKS, NO_LEAKS]);
  });

  it('whatever workers are killed on the way, and nothing is left behind', async () => {
    const line = '--size 640x360 --frames 24 --mode threads --workers 3';
    const calm = await resultOf(line);
    const killed = await resultOf(`${line} --kill 4`);
    expect(killed['kills']).toBeGreaterThan(0);
    expect(killed).toMatchObject({ frames: 24, checksum: calm['checksum'], leaks: NO_LEAKS });
  });

  it('also with more workers than rows', async () => {
    const line = '--size 9x5 --frames 4 --mode threads';
    const one = await resultOf(`${line} --workers 1`);
    expect(await resultOf(`${line} --workers 8`)).toMatchObject({ checksum: one['checksum'] });
  });
});

describe('a Y4M video', () => {
  it.each(CHROMAS)('of %s is filtered from file to file', async (chroma) => {
    const { input, output } = await video(chroma, 'blur', 5);
    const [from, to] = [join(directory, `${chroma}.y4m`), join(directory, `${chroma}-out.y4m`)];
    writeFileSync(from, input);
    const result = await resultOf(`--input ${from} --output ${to} --mode threads --workers 3`);
    expect(result).toMatchObject({ frames: 5, leaks: NO_LEAKS });
    expect(Buffer.compare(readFileSync(to), output)).toBe(0);
  });

  it.each(['threads', 'copy'])('is filtered from pipe to pipe: %s', async (mode) => {
    const { input, output } = await video('420', 'sobel', 5);
    const line = `--input - --output - --filter sobel --mode ${mode} --workers 2`;
    const { code, stdout, stderr } = await run(line, input);
    expect(code).toBe(0);
    expect(Buffer.compare(stdout, output)).toBe(0);
    expect(stderr).toContain('checksum');
  });

  it('is left after --frames', async () => {
    const { input, output } = await video('420', 'invert', 5);
    const line = '--input - --output - --filter invert --mode threads --frames 3';
    const { stdout } = await run(line, input);
    const expected = await video('420', 'invert', 3);
    expect(Buffer.compare(stdout, expected.output)).toBe(0);
    expect(output.length).toBeGreaterThan(stdout.length);
  });
});

describe('without --mode', () => {
  it('both ways run, and the summary shows both', async () => {
    const { code, stdout, stderr } = await run('--size 160x90 --frames 70 --workers 2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const text = stdout.toString();
    expect(text).toMatch(/threads +copy\n/);
    expect(text).toMatch(/^frames +70 +60$/m);
    expect(text).toMatch(/^bytes copied per frame +0 B +\d/m);
    expect(text).toContain('left behind: nothing');
  });
});

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).error === undefined;

describe('another video', () => {
  it.skipIf(!hasFfmpeg)('is decoded by ffmpeg', async () => {
    const path = join(directory, 'video.mkv');
    const pattern = ['-f', 'lavfi', '-i', 'testsrc=size=64x48:rate=10:duration=1'];
    execFileSync('ffmpeg', ['-loglevel', 'error', ...pattern, '-c:v', 'ffv1', path]);
    const line = `--input ${path} --mode threads --workers 2`;
    expect(await resultOf(line)).toMatchObject({ frames: 10, width: 64, height: 48 });
    expect(await resultOf(`${line} --frames 4`)).toMatchObject({ frames: 4 });
  });

  it('says how to install ffmpeg where there is none', async () => {
    writeFileSync(join(directory, 'video.mp4'), 'no video');
    const { code, stderr } = await run('--input video.mp4', null, { PATH: directory });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dmabuf: video\.mp4 is not Y4M, and ffmpeg.* install it: .*\n$/);
  });
});

describe('Ctrl-C', () => {
  it.each(['threads', 'copy'])('in the middle stops cleanly: %s', async (mode) => {
    const { input } = await video('420', 'blur', 3);
    const child = start(`--input - --output - --mode ${mode} --workers 2`.split(' '));
    const ended = outcomeOf(child);
    child.stdin.on('error', () => undefined);
    // The input stays open: it waits for a fourth frame when the first comes out.
    child.stdin.write(input);
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'dmabuf: interrupted\n' });
  });
});

describe('what cannot be done', () => {
  const header = 'YUV4MPEG2 W4 H2 Cmono\n';
  it.each([
    ['--input missing.y4m', '', 'cannot read missing.y4m: no such file or directory'],
    ['--input .', '', 'cannot read .: it is a directory'],
    ['--input -', '', 'stdin: not a Y4M video'],
    ['--input -', 'no video\n', 'stdin: not a Y4M video'],
    ['--input -', 'YUV4MPEG2 W0 H2\n', 'stdin: bad Y4M header: width is "0"'],
    ['--input -', 'YUV4MPEG2 W4 H2 C420p10\n', 'stdin: Y4M colour space "420p10"'],
    ['--input -', 'YUV4MPEG2 W16384 H16384 C444\n', 'in flight need'],
    ['--input -', header, 'the input has no frames'],
    ['--input -', `${header}FRAME\n12345678FRAME\n1234`, 'stdin: truncated: the video ends within'],
    ['--input -', `${header}FRAME\n12345678FRAY\n`, 'stdin: frame 2 begins with'],
    ['--output missing/out.y4m', '', 'cannot write missing/out.y4m: no such file or directory'],
    ['--output /dev/full --frames 3', '', 'cannot write the output: no space left on device'],
    ['--workers 0', '', '--workers 0: must be'],
    ['--colour', '', "Unknown option '--colour'"],
  ])('%s with %j is one line and exit code 1', async (line, stdin, reason) => {
    const { code, stdout, stderr } = await run(line, new TextEncoder().encode(stdin));
    expect(code).toBe(1);
    expect(stdout.toString()).toBe('');
    expect(stderr).toMatch(/^dmabuf: [^\n]*\n$/);
    expect(stderr).toContain(reason);
  });

  it('does not write over its own input', async () => {
    const { input } = await video('420', 'blur', 1);
    writeFileSync(join(directory, 'same.y4m'), input);
    const { stderr } = await run('--input same.y4m --output ./same.y4m');
    expect(stderr).toBe('dmabuf: cannot write ./same.y4m: it is the input\n');
    expect(Buffer.compare(readFileSync(join(directory, 'same.y4m')), input)).toBe(0);
  });
});
