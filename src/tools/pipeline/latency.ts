// SPDX-License-Identifier: MIT
/**
 * latency — one clock for all threads, and a histogram that stays small however long the run.
 *
 * Buckets are a 32nd of a power of two wide, so a percentile is right within about 3 %.
 */
const PER_OCTAVE = 32;
const OCTAVES = 40;

/** Microseconds of the machine's monotonic clock, which all threads share (performance.now() has an origin per thread). */
export function nowMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

/** An alias, not an interface: only this is assignable to Json. */
export type Percentiles = { readonly p50: number; readonly p99: number };

export class Histogram {
  readonly #buckets = new Uint32Array(PER_OCTAVE * OCTAVES);
  #count = 0;

  /** Microseconds. What lies below 1 counts as 1: the stamps are not finer than that. */
  record(micros: number): void {
    const bucket = Math.round(Math.log2(Math.max(1, micros)) * PER_OCTAVE);
    const index = Math.min(bucket, this.#buckets.length - 1);
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** Everything the other has recorded is recorded here as well. */
  add(other: Histogram): void {
    for (const [index, n] of other.#buckets.entries()) {
      if (n > 0) this.#buckets[index] = (this.#buckets[index] ?? 0) + n;
    }
    this.#count += other.#count;
  }

  /** Microseconds, one decimal. 0 when nothing was recorded. */
  percentile(fraction: number): number {
    let left = Math.max(1, Math.ceil(this.#count * fraction));
    for (const [index, n] of this.#buckets.entries()) {
      left -= n;
      if (n > 0 && left <= 0) return Math.round(2 ** (index / PER_OCTAVE) * 10) / 10;
    }
    return 0;
  }

  percentiles(): Percentiles {
    return { p50: this.percentile(0.5), p99: this.percentile(0.99) };
  }
}
