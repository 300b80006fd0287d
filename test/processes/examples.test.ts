// SPDX-License-Identifier: MIT
/** The programs of examples/ that are several processes, compiled as a user would, started from two shells, and one of them killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeAll, expect, test } from 'vitest';
import { Examples } from '../threads/support/examples.js';
import { withPlace } from './support/place.js';

const examples = new Examples('examples-of-processes');

/** A program, and what it prints, line by line. */
class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exit: Promise<unknown[]>;

  constructor(name: string, place: string) {
    this.#child = spawn(process.execPath, [examples.file(name), place], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (this.#child.stdout === null) throw new Error('no output');
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#exit = once(this.#child, 'exit');
  }

  async line(): Promise<string> {
    const { value } = (await this.#lines.next()) as { readonly value?: string };
    return value ?? '(the end)';
  }

  /** Until it has ended by itself. */
  async ended(): Promise<void> {
    expect(await this.#exit).toEqual([0, null]);
  }

  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

beforeAll(() => examples.compile(), 60_000);

/** Twenty pictures, each of them complete. */
async function look(place: string): Promise<void> {
  await using viewer = new Program('4-viewer', place);
  for (let n = 0; n < 20; n++) expect(await viewer.line()).toMatch(/^picture \d+: complete$/);
  await viewer.ended();
}

test('4-producer goes on when its filter is killed, and viewers come and go', () =>
  withPlace(async (place) => {
    await using producer = new Program('4-producer', place);
    const filter = Number((await producer.line()).replace('filter ', ''));
    await look(place);
    process.kill(filter, 'SIGKILL');
    const told = [await producer.line(), await producer.line(), await producer.line()];
    expect(told.toSorted()).toEqual([
      expect.stringMatching(/^filter \d+$/),
      expect.stringMatching(/^filter died: \d+ buffers recovered$/),
      expect.stringMatching(/^picture lost: (EOWNERDEAD|EPIPE)$/),
    ]);
    await look(place);
    producer.interrupt();
    expect(await producer.line()).toBe('(the end)');
    await producer.ended();
  }));
