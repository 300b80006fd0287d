// SPDX-License-Identifier: MIT
/**
 * complaint — what ffmpeg says on its stderr, and which line of it to show: it talks on about what follows from a
 * fault, so its last words are the least telling ones.
 */

const TELLING = /partial file|ended prematurely|Invalid data|not found|corrupt/i;
/** Said of a file that was cut off, for some formats with exit code 0 in the end. */
const TRUNCATED = /partial file|ended prematurely/i;
/** A line that never ends is not collected for ever. */
const MAX_LINE = 1024;

export class Complaint {
  #first = '';
  #telling = '';
  #unfinished = '';
  #truncated = false;

  /** The next piece of text, wherever it begins and ends. */
  add(text: string): void {
    const lines = (this.#unfinished + text).split('\n');
    this.#unfinished = (lines.pop() ?? '').slice(0, MAX_LINE);
    for (const line of lines) this.#line(line);
  }

  /** There is no more. */
  end(): void {
    this.#line(this.#unfinished);
    this.#unfinished = '';
  }

  /** The last line that names a fault, else the first one; empty: nothing was said. */
  get words(): string {
    return this.#telling || this.#first;
  }

  /** The file ends before its video does. */
  get truncated(): boolean {
    return this.#truncated;
  }

  #line(text: string): void {
    const line = text.trim().slice(0, MAX_LINE);
    this.#first ||= line;
    if (TELLING.test(line)) this.#telling = line;
    if (TRUNCATED.test(line)) this.#truncated = true;
  }
}
