// SPDX-License-Identifier: MIT
/** System calls in this process, which must leave no descriptor open, and programs that do them in a process of their own. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect } from 'vitest';
import { closeDescriptor, openDescriptors } from '../../../../src/host/linux/descriptors.js';

const undo: (() => void)[] = [];

/** Is done after the test, last first. */
export function later(fn: () => void): void {
  undo.push(fn);
}

/** Is closed after the test. */
export function own(descriptor: number): number {
  later(() => closeDescriptor(descriptor));
  return descriptor;
}

/** Each test of the file ends with as many descriptors as it began with. */
export function leavesNoDescriptor(): void {
  let before: number;
  beforeEach(() => {
    before = openDescriptors();
  });
  afterEach(() => {
    for (const fn of undo.splice(0).toReversed()) fn();
    expect(openDescriptors(), 'open descriptors').toBe(before);
  });
}

/** A directory of the test's own. */
export function directory(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'dmabuf-test-'));
  later(() => rmSync(made, { recursive: true }));
  return made;
}

/** What an error is to have. */
export function refused(code: string, message: string | RegExp = ''): unknown {
  return expect.objectContaining({ code, message: expect.stringMatching(message) as unknown });
}

/** The next turn of the event loop, after what has come was read. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs the event loop until this is so: the test's own time limit says when not. */
export async function until(so: () => boolean): Promise<void> {
  while (!so()) await turn();
}

const PROGRAM = fileURLToPath(new URL('programs/deeds.mjs', import.meta.url));

export interface Program {
  readonly child: ChildProcess;
  /** Exit code or signal, and what it printed. */
  readonly end: Promise<{ readonly how: unknown; readonly printed: string }>;
}

/** Does `deed` in a process of its own, which inherits `descriptors` as 4, 5, … */
export function start(
  deed: string,
  { descriptors = [], ...options }: ForkOptions & { readonly descriptors?: readonly number[] } = {},
): Program {
  const child = fork(PROGRAM, [deed], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...descriptors],
    execArgv: [],
    ...options,
  });
  later(() => child.kill('SIGKILL'));
  return { child, end: ending(child) };
}

async function ending(child: ChildProcess): Promise<Awaited<Program['end']>> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('no pipes');
  const [[code, signal], printed, errors] = await Promise.all([
    once(child, 'close'),
    text(stdout),
    text(stderr),
  ]);
  if (code !== 0 && errors !== '') console.error(errors);
  return { how: code ?? signal, printed: printed.trim() };
}
