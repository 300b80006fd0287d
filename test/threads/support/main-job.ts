// SPDX-License-Identifier: MIT
/** The main job as its user runs it: a process, its files and pipes, its exit code. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type FilterName, filterBand } from '../../../src/tools/pipeline/filters.js';
import { type Chroma, geometryOf } from '../../../src/tools/pipeline/geometry.js';
import { PatternSource } from '../../../src/tools/pipeline/source-pattern.js';
import { FRAME_LINE, formatHeader } from '../../../src/tools/pipeline/y4m.js';

export const MAIN = fileURLToPath(new URL('../../../dist/tools/pipeline/main.js', import.meta.url));
export const NO_LEAKS = { buffers: 0, attachments: 0, locks: 0, fences: 0 };

export interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs it in a directory of its own. */
export class MainJob implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'dmabuf-test-'));

  path(name: string): string {
    return join(this.directory, name);
  }

  /** It is the first of a group of processes. */
  start(args: readonly string[], env = process.env): ChildProcessWithoutNullStreams {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.directory,
      env,
      detached: true,
    });
    // It may refuse its input, or what comes after its last frame.
    child.stdin.on('error', () => undefined);
    return child;
  }

  run(line: string, stdin: Uint8Array | null = null, env = process.env): Promise<Outcome> {
    const child = this.start(line.split(' '), env);
    child.stdin.end(stdin);
    return outcomeOf(child);
  }

  /** The JSON object of a run that went well. */
  async result(line: string): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.run(`${line} --json`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const last = stdout.toString().trimEnd().split('\n').at(-1) ?? '';
    return JSON.parse(last) as Record<string, unknown>;
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** When it has ended, and whoever else has its stdout or stderr. */
export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
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

/** A video of the test pattern, and what a filter makes of it. */
export async function video(chroma: Chroma, filter: FilterName, frames: number) {
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
