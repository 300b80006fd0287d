// SPDX-License-Identifier: MIT
/** The agent's side of support/board.ts. */

/** Milliseconds: nobody of another process can wake who waits for a word of plain memory. */
const SLICE = 5;

export function openBoard(domain, share) {
  const buf = domain.openSync(share);
  const cpu = buf.cpuAccessSync('write');
  const words = cpu.as(Int32Array);
  return {
    words,
    /** Blocks this thread until that word is not 0. */
    blockUntil(at) {
      while (Atomics.load(words, at) === 0) Atomics.wait(words, at, 0, SLICE);
    },
    close() {
      cpu.end();
      buf.close();
    },
  };
}
