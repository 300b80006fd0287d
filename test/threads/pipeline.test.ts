// SPDX-License-Identifier: MIT
/** The main job as its user runs it: a process, its files and pipes, its exit code. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { FILTER_NAMES } from '../../src/tools/pipeline/filters.js';
import { CHROMAS } from '../../src/tools/pipeline/geometry.js';
import { MAIN, MainJob, NO_LEAKS, outcomeOf, video } from './support/main-job.js';

const job = new MainJob();
afterAll(() => job[Symbol.dispose]());

describe('one input gives one checksum', () => {
  it.each(FILTER_NAMES)('%s: by 1 worker, by 4, and by copies', async (filter) => {
    const line = `--size 322x182 --frames 12 --filter ${filter}`;
    const one = await job.result(`${line} --mode threads --workers 1`);
    const four = await job.result(`${line} --mode threads --workers 4`);
    const copy = await job.result(`${line} --mode copy --workers 3`);
    expect(one).toMatchObject({ mode: 'threads', frames: 12, width: 322, height: 182, workers: 1 });
    expect([four['checksum'], copy['checksum']]).toEqual([one['checksum'], one['checksum']]);
    expect([one['bytesCopiedPerFrame'], four['bytesCopiedPerFrame']]).toEqual([0, 0]);
    expect(copy['bytesCopiedPerFrame']).toBeGreaterThan(322 * 182);
    expect([one['leaks'], four['leaks']]).toEqual([NO_LEAKS, NO_LEAKS]);
  });

  it('whatever workers are killed on the way, and nothing is left behind', async () => {
    // A frame more than the last kill is due at, in case its bands are done too soon.
    const line = '--size 1280x720 --frames 21 --mode threads --workers 3';
    const { checksum } = await job.result(line);
    for (const [every, kills] of [
      [2, 10],
      [5, 4],
    ]) {
      const killed = await job.result(`${line} --kill ${every}`);
      expect(killed).toMatchObject({ frames: 21, kills, checksum, leaks: NO_LEAKS });
    }
  });

  it('also with more workers than rows', async () => {
    const line = '--size 9x5 --frames 4 --mode threads';
    const one = await job.result(`${line} --workers 1`);
    expect(await job.result(`${line} --workers 8`)).toMatchObject({ checksum: one['checksum'] });
  });
});

describe('a Y4M video', () => {
  it.each(CHROMAS)('of %s is filtered from file to file', async (chroma) => {
    const { input, output } = await video(chroma, 'blur', 5);
    const [from, to] = [job.path(`${chroma}.y4m`), job.path(`${chroma}-out.y4m`)];
    writeFileSync(from, input);
    const result = await job.result(`--input ${from} --output ${to} --mode threads --workers 3`);
    expect(result).toMatchObject({ frames: 5, leaks: NO_LEAKS });
    expect(Buffer.compare(readFileSync(to), output)).toBe(0);
  });

  it.each(['threads', 'copy'])('is filtered from pipe to pipe: %s', async (mode) => {
    const { input, output } = await video('420', 'sobel', 5);
    const line = `--input - --output - --filter sobel --mode ${mode} --workers 2`;
    const { code, stdout, stderr } = await job.run(line, input);
    expect(code).toBe(0);
    expect(Buffer.compare(stdout, output)).toBe(0);
    expect(stderr).toContain('checksum');
  });

  it('is left after --frames', async () => {
    const { input, output } = await video('420', 'invert', 5);
    const line = '--input - --output - --filter invert --mode threads --frames 3';
    const { stdout } = await job.run(line, input);
    const expected = await video('420', 'invert', 3);
    expect(Buffer.compare(stdout, expected.output)).toBe(0);
    expect(output.length).toBeGreaterThan(stdout.length);
  });
});

describe('without --mode', () => {
  it('both ways run, and the summary shows both', async () => {
    const { code, stdout, stderr } = await job.run('--size 160x90 --frames 70 --workers 2');
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
    const path = job.path('video.mkv');
    const pattern = ['-f', 'lavfi', '-i', 'testsrc=size=64x48:rate=10:duration=1'];
    execFileSync('ffmpeg', ['-loglevel', 'error', ...pattern, '-c:v', 'ffv1', path]);
    const line = `--input ${path} --mode threads --workers 2`;
    expect(await job.result(line)).toMatchObject({ frames: 10, width: 64, height: 48 });
    expect(await job.result(`${line} --frames 4`)).toMatchObject({ frames: 4 });
  });

  it.skipIf(!hasFfmpeg).each([
    ['mp4', 'mpeg4'],
    ['mkv', 'ffv1'],
  ])('that was cut off is refused in one line: %s', async (format, codec) => {
    const [path, cut] = [job.path(`whole.${format}`), job.path(`cut.${format}`)];
    const pattern = ['-f', 'lavfi', '-i', 'testsrc=size=64x48:rate=10:duration=4'];
    // With its table of contents in front, where the cut leaves it.
    const front = format === 'mp4' ? ['-movflags', '+faststart'] : [];
    execFileSync('ffmpeg', ['-loglevel', 'error', ...pattern, '-c:v', codec, ...front, path]);
    const whole = readFileSync(path);
    writeFileSync(cut, whole.subarray(0, Math.floor(whole.length * 0.7)));
    expect(await job.result(`--input ${path} --mode threads`)).toMatchObject({ frames: 40 });
    const { code, stdout, stderr } = await job.run(`--input ${cut} --mode threads`);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^dmabuf: ffmpeg cannot decode [^\n]*cut\.[^\n]*(corrupt|partial|prematurely)[^\n]*\n$/,
    );
  });

  it.skipIf(!hasFfmpeg)('needs a place for a pipe, and says so', async () => {
    writeFileSync(job.path('other.mp4'), 'no video');
    const env = { ...process.env, TMPDIR: job.path('missing') };
    const { code, stderr } = await job.run('--input other.mp4', null, env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dmabuf: cannot make a pipe .*missing: no such file or directory\n$/);
  });

  it('says how to install ffmpeg where there is none', async () => {
    writeFileSync(job.path('video.mp4'), 'no video');
    const { code, stderr } = await job.run('--input video.mp4', null, { PATH: job.directory });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dmabuf: video\.mp4 is not Y4M, and ffmpeg.* install it: .*\n$/);
  });
});

describe('Ctrl-C', () => {
  it.each(['threads', 'copy'])('in the middle stops cleanly: %s', async (mode) => {
    const { input } = await video('420', 'blur', 3);
    const child = job.start(`--input - --output - --mode ${mode} --workers 2`.split(' '));
    const ended = outcomeOf(child);
    // The input stays open: it waits for a fourth frame when the first comes out.
    child.stdin.write(input);
    child.stdout.once('data', () => child.kill('SIGINT'));
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'dmabuf: interrupted\n' });
  });
});

describe('a second Ctrl-C, or the end of the grace after the first', () => {
  const module = new URL('../../dist/tools/pipeline/interrupt.js', import.meta.url);

  it.each([
    [1e9, 2],
    [1, 1],
  ])('ends what hangs, and says so: grace of %d ms, %d signals', async (grace, signals) => {
    // It hangs for ever: nobody looks at the signal.
    const program = `
      import { Interrupt } from ${JSON.stringify(module.href)};
      const { signal } = new Interrupt(${grace});
      signal.addEventListener('abort', () => process.stdout.write('aborted'));
      setInterval(() => undefined, 1e6);
      process.stdout.write('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
    const ended = outcomeOf(child);
    let sent = 0;
    child.stdout.on('data', () => {
      if (sent++ < signals) child.kill('SIGINT');
    });
    expect(await ended).toMatchObject({ code: null, stderr: 'dmabuf: interrupted\n' });
    expect(child.signalCode).toBe('SIGINT');
  });
});

describe('a named pipe as output', () => {
  it('is opened once: its reader gets the whole video', async () => {
    const { input, output } = await video('420', 'blur', 5);
    const path = job.path('out.fifo');
    execFileSync('mkfifo', [path]);
    const reader = spawn('cat', [path]);
    const read = outcomeOf(reader);
    const line = `--input - --output ${path} --mode threads --workers 2 --json`;
    const { code, stderr } = await job.run(line, input);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Buffer.compare((await read).stdout, output)).toBe(0);
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
    const { code, stdout, stderr } = await job.run(line, new TextEncoder().encode(stdin));
    expect(code).toBe(1);
    expect(stdout.toString()).toBe('');
    expect(stderr).toMatch(/^dmabuf: [^\n]*\n$/);
    expect(stderr).toContain(reason);
  });

  it.each(['--json', '--help'])('%s into a full disk is no success', async (flag) => {
    const full = openSync('/dev/full', 'w');
    const args = [MAIN, ...'--size 64x48 --frames 2 --mode threads'.split(' '), flag];
    const { status, stderr } = spawnSync(process.execPath, args, {
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    expect(status).toBe(1);
    expect(stderr.toString()).toBe('dmabuf: cannot write the result: no space left on device\n');
  });

  it.each(['unreadable.mp4', 'unreadable.y4m'])(
    'says which file cannot be read: %s',
    async (name) => {
      symlinkSync('/proc/self/mem', job.path(name));
      const { code, stderr } = await job.run(`--input ${name}`);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `dmabuf: cannot read ${name}: i/o error\n`,
      });
    },
  );

  it('does not write over its own input', async () => {
    const { input } = await video('420', 'blur', 1);
    writeFileSync(job.path('same.y4m'), input);
    const { stderr } = await job.run('--input same.y4m --output ./same.y4m');
    expect(stderr).toBe('dmabuf: cannot write ./same.y4m: it is the input\n');
    expect(Buffer.compare(readFileSync(job.path('same.y4m')), input)).toBe(0);
  });
});
