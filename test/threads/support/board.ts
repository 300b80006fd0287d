// SPDX-License-Identifier: MIT
/** Words that several agents look at directly, whoever of them is blocked: a buffer that is never locked, fenced or sent. */
import type { CpuAccess, DmaBuf, Domain, Share } from 'dmabuf';

export class Board implements Disposable {
  readonly #buf: DmaBuf;
  readonly #cpu: CpuAccess;
  readonly words: Int32Array;

  constructor(domain: Domain) {
    this.#buf = domain.alloc(4096, { name: 'board' });
    this.#cpu = this.#buf.cpuAccessSync('write');
    this.words = this.#cpu.as(Int32Array);
  }

  /** For one agent: workers/board.mjs. */
  share(): Share {
    return this.#buf.share();
  }

  [Symbol.dispose](): void {
    this.#cpu.end();
    this.#buf.close();
  }
}
