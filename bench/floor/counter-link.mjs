// SPDX-License-Identifier: MIT
/** The link of the reference wakes: one shared counter per party, raised by one and notified. */
const STRIDE = 16;

/**
 * @param words  shared by both parties
 * @param me     0 or 1
 * @param park   park(words, index, seen): waits until notified, unless the word is no longer `seen`
 */
export function counterLink(words, me, park) {
  const mine = me * STRIDE;
  const others = (1 - me) * STRIDE;
  let first = 0; // the other party's count when the run began
  return {
    offer: () => Atomics.load(words, mine),
    accept(theirs) {
      first = theirs;
    },
    signal() {
      Atomics.add(words, mine, 1);
      Atomics.notify(words, mine);
    },
    wait: (k) => park(words, others, first + k),
  };
}
