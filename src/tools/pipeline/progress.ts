// SPDX-License-Identifier: MIT
/**
 * progress — one line on stderr that is drawn over while frames go by. Nothing at all when nobody watches.
 */
const WIDTH = 30;
const REDRAW_MS = 100;

export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #began = performance.now();
  readonly #shown: boolean;
  #drawn = -Infinity;

  /** @param total  Infinity: nobody knows how many frames there will be. */
  constructor(label: string, total: number) {
    this.#label = label;
    this.#total = total;
    this.#shown = process.stdout.isTTY && process.stderr.isTTY;
  }

  update(frames: number): void {
    const now = performance.now();
    if (!this.#shown || (now - this.#drawn < REDRAW_MS && frames !== this.#total)) return;
    this.#drawn = now;
    const fps = (frames * 1000) / (now - this.#began);
    process.stderr.write(`\r\x1b[K${progressLine(this.#label, frames, this.#total, fps)}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}

export function progressLine(label: string, frames: number, total: number, fps: number): string {
  const rate = `${fps.toFixed(1)} frames/s`;
  if (total === Infinity) return `${label} ${frames} frames, ${rate}`;
  const full = Math.round((WIDTH * Math.min(frames, total)) / total);
  return `${label} [${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${frames}/${total}, ${rate}`;
}
