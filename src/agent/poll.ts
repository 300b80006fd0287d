// SPDX-License-Identifier: MIT
/**
 * agent/poll — how long to look before sleeping.
 *
 * A wake across cores costs 25–45 µs, a look 20 ns, giving the core away 0.5 µs: for short waits, looking is far cheaper, for
 * long ones it is waste. Both runners ask here; the answer follows a running average of how long recent waits took. Never
 * spin without giving way: a peer on the same core would not run until our time slice ends.
 */

import type { Platform } from './ports.js';
import type { Wait } from './wait.js';

/** Looks before anything else, about 2 µs; fewer when the peer seems to want this very core. */
const LOOKS = 60;
const CROWDED_LOOKS = 1;
/** Times the core is offered to others before sleeping. */
const YIELDS = 30;
/** Turns of the event loop an asynchronous wait may poll. */
const TURNS = 10;
/** Milliseconds: recent waits that took longer than this on average are not worth polling for. Longer than two wakes, so that two
 * who sleep because of each other come out of it. */
const WORTH = 0.3;
/** Milliseconds: somebody else has run while we gave the core away. */
const AWAY = 0.0015;

export class Polling {
  /** Running average of recent waits, milliseconds; a few long ones outweigh many short ones slowly. */
  #average = 0;
  #crowded = false;
  /** Milliseconds that the last spin took. Looks alone count as nothing: what they take does not matter, and the clock costs more. */
  spent = 0;

  constructor(readonly platform: Pick<Platform, 'now' | 'giveWay'>) {}

  get looks(): number {
    return this.#crowded ? CROWDED_LOOKS : LOOKS;
  }

  get yields(): number {
    return this.#average < WORTH ? YIELDS : 2;
  }

  get turns(): number {
    return this.#average < WORTH ? TURNS : 0;
  }

  /** Looks for a moment, and lets others run in between. @returns whether the wait is over */
  spin(wait: Pick<Wait, 'ready'>): boolean {
    this.spent = 0;
    for (let look = this.looks; look > 0; look--) if (wait.ready()) return true;
    const { giveWay } = this.platform;
    if (giveWay === null) return false;
    const since = this.platform.now();
    giveWay();
    this.spent = this.platform.now() - since;
    this.#crowded = this.spent > AWAY;
    let over = wait.ready();
    if (over) return true;
    for (let left = this.yields; left > 0 && !over; left--) {
      giveWay();
      over = wait.ready();
    }
    this.spent = this.platform.now() - since;
    return over;
  }

  /** A wait took this long. */
  learn(ms: number): void {
    this.#average += (Math.min(ms, 4 * WORTH) - this.#average) / 8;
  }
}
