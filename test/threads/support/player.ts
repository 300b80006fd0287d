// SPDX-License-Identifier: MIT
/**
 * Somebody who plays a scene of a script, and talks with the test about it. Words that it says before the test listens are kept; a
 * scene that fails, or ends without the word that the test waits for, fails the test.
 */
import type { Line, Listener, Said } from './line.js';

export abstract class Player<End> {
  /** Its scene is over, and all that it has said is here. */
  readonly gone: Promise<End>;
  readonly #line: Line;
  readonly #said: Said[] = [];
  readonly #errors: unknown[] = [];
  #listener: (() => void) | null = null;
  #over = false;

  protected constructor(
    readonly name: string,
    lineTo: (listener: Listener) => Line,
    end: Promise<End>,
  ) {
    this.#line = lineTo({
      said: (said) => {
        this.#said.push(said);
        this.#listener?.();
      },
      failed: (error) => void this.#errors.push(error),
    });
    this.gone = this.#end(end);
  }

  async #end(end: Promise<End>): Promise<End> {
    const [ended] = await Promise.all([end, this.#line.closed]);
    this.#over = true;
    this.#listener?.();
    return ended;
  }

  /** What it threw, if it threw. */
  get error(): unknown {
    return this.#errors[0];
  }

  tell(message: unknown): void {
    this.#line.send(message);
  }

  /** The payload of the next thing it says, which must be `word`. */
  async hear(word: string): Promise<unknown> {
    while (this.#said.length === 0) {
      if (this.#over) throw this.failure(`is gone, and never said ${word}`);
      await new Promise<void>((resolve) => {
        this.#listener = resolve;
      });
    }
    const said = this.#said.shift();
    if (said?.word !== word) throw this.failure(`said ${said?.word}, not ${word}`);
    return said.payload;
  }

  protected failure(what: string): Error {
    return new Error(`${this.name} ${what}`, { cause: this.error });
  }
}
