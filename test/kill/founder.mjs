// SPDX-License-Identifier: MIT
// @ts-check
/** A process that has made a domain, and dies: the first broker of those that it leaves behind. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('found.mjs', import.meta.url));

export class Founder {
  #gone;

  /** @param {import('node:child_process').ChildProcess} child */
  constructor(child) {
    this.child = child;
    this.#gone = once(child, 'exit');
  }

  /** Until there is a domain at that path. @param {string} path */
  static async start(path) {
    const child = fork(SCRIPT, [path]);
    const founder = new Founder(child);
    const what = await Promise.race([once(child, 'message'), founder.#gone]);
    if (typeof what[0] === 'object') return founder;
    throw new Error(`the founder ended: ${what.join()}`);
  }

  /** Until it has ended; harmless when it has. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.#gone;
  }
}
