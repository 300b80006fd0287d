// SPDX-License-Identifier: MIT
/** The main job with a process per worker: the same video, and nothing that outlives it. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { Domain } from 'dmabuf';
import { afterAll, describe, expect, it } from 'vitest';
import { MainJob, NO_LEAKS, type Outcome, outcomeOf, video } from '../threads/support/main-job.js';

const here = Domain.support().processes;
const job = new MainJob();
afterAll(() => job[Symbol.dispose]());

/** Every process that was started by `main`, and by those, is gone, and so is the domain's socket. */
function nothingIsLeft({ main, place }: Started): void {
  expect(() => process.kill(-(main.pid as number), 0)).toThrow('ESRCH');
  expect(readdirSync(place)).toEqual([]);
}

/** The processes that `main` started for this script, by what the system says of them. */
function workersOf(main: ChildProcessWithoutNullStreams, script: string): number[] {
  const children = readFileSync(`/proc/${main.pid}/task/${main.pid}/children`, 'latin1');
  const pids = children.split(' ').map(Number).filter(Boolean);
  return pids.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(script));
}

/** Its code may still run. */
function isThere(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** Takes a byte, if there is one. */
function hasSome(pipe: number): boolean {
  try {
    return readSync(pipe, new Uint8Array(1)) === 1;
  } catch {
    return false;
  }
}

interface Started {
  readonly main: ChildProcessWithoutNullStreams;
  /** Where its domain has its socket. */
  readonly place: string;
  readonly ended: Promise<Outcome>;
  readonly rest: Buffer;
  /** All of it. */
  readonly output: Buffer;
}

/** It has given its first frame, and waits for the second half of its input. */
async function startedJob(): Promise<Started> {
  const place = mkdtempSync(job.path('run-'));
  const { input, output } = await video('420', 'blur', 6);
  const half = input.length - Math.floor(input.length / 2);
  const line = '--input - --output - --mode processes --workers 2';
  const main = job.start(line.split(' '), { ...process.env, XDG_RUNTIME_DIR: place });
  const ended = outcomeOf(main);
  const first = new Promise((resolve) => main.stdout.once('data', resolve));
  main.stdin.write(input.subarray(0, half));
  await first;
  return { main, place, ended, rest: input.subarray(half), output };
}

describe.skipIf(!here.ok)('processes', () => {
  it('1, 3 and 4 of them give the checksum of threads and of copies', async () => {
    const line = '--size 322x182 --frames 12';
    const { checksum } = await job.result(`${line} --mode copy --workers 3`);
    const ways = [
      ['threads', 3],
      ['processes', 1],
      ['processes', 3],
      ['processes', 4],
    ] as const;
    for (const [mode, workers] of ways) {
      const result = await job.result(`${line} --mode ${mode} --workers ${workers}`);
      expect(result).toMatchObject({ mode, workers, frames: 12, checksum, leaks: NO_LEAKS });
      expect(result).toMatchObject({ bytesCopiedPerFrame: 0, kills: 0 });
    }
  });

  it('are killed on the way, and nothing is left behind', async () => {
    // A frame more than the last kill is due at, in case its bands are done too soon.
    const line = '--size 1280x720 --frames 13 --mode processes --workers 3';
    const { checksum } = await job.result(line);
    const killed = await job.result(`${line} --kill 2`);
    expect(killed).toMatchObject({ frames: 13, kills: 6, checksum, leaks: NO_LEAKS });
  });

  it('have a column of their own in the summary', async () => {
    const { code, stdout, stderr } = await job.run('--size 64x48 --frames 3 --mode processes');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.toString()).toMatch(/^ +processes$/m);
    expect(stdout.toString()).toContain('left behind: nothing');
  });

  it('write to stdout, to a file, and to a named pipe, which is opened while it has its reader', async () => {
    const { input, output } = await video('422', 'sobel', 5);
    const line = '--input - --filter sobel --mode processes --workers 2';
    const piped = await job.run(`${line} --output -`, input);
    expect(piped.code).toBe(0);
    expect(Buffer.compare(piped.stdout, output)).toBe(0);
    writeFileSync(job.path('out.y4m'), 'something longer was here before'.repeat(10_000));
    await job.run(`${line} --output out.y4m`, input);
    expect(Buffer.compare(readFileSync(job.path('out.y4m')), output)).toBe(0);
    execFileSync('mkfifo', [job.path('out.fifo')]);
    const reader = spawn('cat', [job.path('out.fifo')]);
    const read = outcomeOf(reader);
    const { code, stderr } = await job.run(`${line} --output out.fifo --json`, input);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Buffer.compare((await read).stdout, output)).toBe(0);
  });

  it('say that the disk is full, in one line', async () => {
    const line = '--size 64x48 --frames 3 --mode processes --output /dev/full';
    const { code, stderr } = await job.run(line);
    const why = 'cannot write the output: no space left on device';
    expect({ code, stderr }).toEqual({ code: 1, stderr: `dmabuf: ${why}\n` });
  });

  it('end with Ctrl-C, which all of them get', async () => {
    const started = await startedJob();
    const { main, ended } = started;
    process.kill(-(main.pid as number), 'SIGINT');
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'dmabuf: interrupted\n' });
    nothingIsLeft(started);
  });

  it('leave Ctrl-C to the one that started them', async () => {
    const { main, ended, rest, output } = await startedJob();
    for (const script of ['filter-worker', 'encoder-worker'])
      for (const worker of workersOf(main, script)) process.kill(worker, 'SIGINT');
    main.stdin.end(rest);
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(Buffer.compare(stdout, output)).toBe(0);
  });

  it('end when the one that started them is killed, whatever they wait for', async () => {
    // A frame does not fit into it, and nobody takes more than a piece: the encoder waits for that.
    const path = job.path('slow.fifo');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const line = `--size 1920x1080 --frames 9 --output ${path} --mode processes --workers 2`;
    const main = job.start(line.split(' '));
    while (!hasSome(reader)) await turn();
    const workers = ['filter-worker', 'encoder-worker'].flatMap((name) => workersOf(main, name));
    expect(workers).toHaveLength(3);
    main.kill('SIGKILL');
    while (workers.some(isThere)) await turn();
    closeSync(reader);
    expect(await outcomeOf(main)).toMatchObject({ code: null, stderr: '' });
  });

  it('one crashes: its work is done again, by another one', async () => {
    const started = await startedJob();
    const { main, ended, rest, output } = started;
    const [victim = 0, ...others] = workersOf(main, 'filter-worker');
    expect(others).toHaveLength(1);
    process.kill(victim, 'SIGKILL');
    while (workersOf(main, 'filter-worker').includes(victim)) await turn();
    main.stdin.end(rest);
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(Buffer.compare(stdout, output)).toBe(0);
    nothingIsLeft(started);
  });

  it('the encoder crashes: that is said in one line', async () => {
    const started = await startedJob();
    const { main, ended } = started;
    const [victim = 0] = workersOf(main, 'encoder-worker');
    process.kill(victim, 'SIGKILL');
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dmabuf: the encoder died: [^\n]*SIGKILL[^\n]*\n$/);
    nothingIsLeft(started);
  });
});

it('without koffi there are none, and it says what to install', async () => {
  const hidden = `
    const { Module } = require('node:module');
    const load = Module._load;
    Module._load = function (name, ...rest) {
      if (name !== 'koffi') return load.call(this, name, ...rest);
      throw Object.assign(new Error("Cannot find module 'koffi'"), { code: 'MODULE_NOT_FOUND' });
    };`;
  writeFileSync(job.path('no-koffi.cjs'), hidden);
  const NODE_OPTIONS = `--require=${job.path('no-koffi.cjs')}`;
  const without = { ...process.env, NODE_OPTIONS };
  const { code, stdout, stderr } = await job.run('--mode processes --frames 2', null, without);
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^dmabuf: --mode processes: [^\n]*npm install koffi[^\n]*\n$/);
  const threads = await job.run('--size 64x48 --mode threads --frames 2', null, without);
  expect(threads).toMatchObject({ code: 0, stderr: '' });
});
