// SPDX-License-Identifier: MIT
/** Seeded choices: a run that failed can be repeated with DMABUF_SEED. */

/** The seed of this run, from the environment or the clock. */
export function seedOfRun(): number {
  const given = Number(process.env['DMABUF_SEED']);
  return Number.isSafeInteger(given) && given > 0 ? given : (Date.now() % 0x7fff_ffff) + 1;
}

/** Integers in [0, below), the same for the same seed (xorshift). */
export function choices(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
