// SPDX-License-Identifier: MIT
/**
 * interrupt — Ctrl-C: the first one asks for a clean end. A thread that hangs in the kernel cannot be stopped so:
 * the next one, or the end of the grace, lets the signal end the process.
 */
import { setMaxListeners } from 'node:events';

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #graceMs: number;
  #told = false;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
    process.on('SIGINT', this.#heard);
    setMaxListeners(0, this.signal);
  }

  /** Aborted by the first Ctrl-C. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Says so on stderr; once, although both the clean end and the other one do it. */
  tell(): void {
    if (this.#told) return;
    this.#told = true;
    process.stderr.write('dmabuf: interrupted\n');
  }

  readonly #heard = (): void => {
    if (this.signal.aborted) this.#die();
    else setTimeout(() => this.#die(), this.#graceMs).unref();
    this.#controller.abort();
  };

  #die(): void {
    this.tell();
    process.off('SIGINT', this.#heard);
    process.kill(process.pid, 'SIGINT');
  }
}
