// SPDX-License-Identifier: MIT
/** A program of its own, which no domain has spawned, and that plays one scene of a script. It finds the domain by its place. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SceneData } from '../../threads/support/actor.js';
import { lineToProcess } from '../../threads/support/line.js';
import { Player } from '../../threads/support/player.js';

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const exit = (child: ChildProcess): Promise<Exit> =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));

export class Stranger extends Player<Exit> {
  static readonly #all = new Set<Stranger>();

  private constructor(
    readonly process: ChildProcess,
    scene: string,
  ) {
    super(scene, (listener) => lineToProcess(process, listener), exit(process));
    Stranger.#all.add(this);
    void this.gone.then(() => Stranger.#all.delete(this));
  }

  /** `script` is one of test/threads/workers/, or one of programs/ beside this folder. `as`: the user that it runs as, if we may. */
  static start(
    script: string,
    place: string,
    scene: string,
    data: SceneData = {},
    as: { readonly uid?: number; readonly gid?: number } = {},
  ): Stranger {
    const folder = new URL('../../threads/workers/', import.meta.url);
    const child = fork(fileURLToPath(new URL(script, folder)), [place], {
      serialization: 'advanced',
      ...as,
    });
    const stranger = new Stranger(child, scene);
    stranger.tell({ ...data, scene });
    return stranger;
  }

  /** Whoever still runs, because a test has failed, ends. */
  static async endAll(): Promise<void> {
    for (const one of Stranger.#all) one.signal('SIGKILL');
    await Promise.all([...Stranger.#all].map(({ gone }) => gone));
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Until the scene is over. @throws what the scene threw */
  async finished(): Promise<void> {
    const { code, signal } = await this.gone;
    if (code !== 0) throw this.failure(`ended: ${signal ?? code}`);
  }
}
