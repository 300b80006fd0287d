// SPDX-License-Identifier: MIT
/**
 * agent/poll — how long to look before sleeping.
 *
 * A wake across cores costs 25–45 µs, a look 20 ns, giving the core away 0.3 µs: for short waits, looking is far cheaper, for
 * long ones it is waste. Both runners ask here; the answer follows a running average of how long recent waits took. Never
 * spin without giving way: a peer on the same core would not run until our time slice ends.
 */

/** Looks before anything else; about 2 µs. */
const LOOKS = 60;
/** Times the core is offered to others before sleeping. */
const YIELDS = 30;
/** Turns of the event loop an asynchronous wait may poll. */
const TURNS = 12;
/** Milliseconds: recent waits that took longer than this on average are not worth polling for. */
const WORTH = 0.1;

export class Polling {
  /** Running average of recent waits, milliseconds; a few long ones outweigh many short ones slowly. */
  #average = 0;

  get looks(): number {
    return LOOKS;
  }

  get yields(): number {
    return this.#average < WORTH ? YIELDS : 2;
  }

  get turns(): number {
    return this.#average < WORTH ? TURNS : 0;
  }

  /** A wait took this long. */
  learn(ms: number): void {
    this.#average += (Math.min(ms, 4 * WORTH) - this.#average) / 8;
  }
}
