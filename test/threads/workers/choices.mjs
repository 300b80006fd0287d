// SPDX-License-Identifier: MIT
/** Seeded choices of a thread: integers in [0, below), the same for the same seed. */
export function choices(seed) {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A copy in random order. */
export function shuffled(list, choose) {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const at = choose(last + 1);
    [copy[last], copy[at]] = [copy[at], copy[last]];
  }
  return copy;
}
