// SPDX-License-Identifier: MIT
/**
 * broker/succession — what a member does when its connection to the broker has ended: one of them takes over, the others connect again.
 *
 *    looking ── the broker has ended, and the arena makes it us ──▶ serving; if that fails, it is given back: others may be able to
 *       └───── else: connect again, with the station that we have ──▶ connected
 *
 * It never gives up while the domain is open: everything but joining goes on meanwhile. Tries grow apart, up to a second. Who was merely
 * cut off finds the broker alive, and comes again.
 */

import type { After } from './connection.js';
import type { Limits } from './limited.js';

/** Milliseconds between the first two tries, and between late ones. */
const FIRST = 5;
const LAST = 1000;
/** Milliseconds for one try to connect. */
const PATIENCE = 2000;

export interface SuccessionPorts {
  /** The broker that the arena names still runs, and has not left. */
  brokerIsAlive(): boolean;
  /** Makes us the broker, in the arena. false: somebody else is. */
  takeOver(): boolean;
  /** Begins to serve. @throws why that does not work just now, and leaves nothing behind */
  serve(): void;
  /** Nobody is the broker any more. */
  giveBack(): void;
  /** Connects to the broker, as a member that it has already. Rejects when that does not work just now. */
  reconnect(limits: Limits): Promise<void>;
  /** A try has failed; there will be another. */
  failed(error: unknown): void;
  readonly timer: After;
}

export class Succession {
  readonly #ports: SuccessionPorts;
  readonly #closing = new AbortController();
  #looking = false;

  constructor(ports: SuccessionPorts) {
    this.#ports = ports;
  }

  /** The connection has ended. May be called again while it looks. */
  begin(): void {
    if (this.#looking) return;
    this.#looking = true;
    void this.#look();
  }

  async #look(): Promise<void> {
    const { signal } = this.#closing;
    for (let pause = FIRST; !signal.aborted; pause = Math.min(2 * pause, LAST)) {
      try {
        await this.#try();
        break;
      } catch (error) {
        if (!signal.aborted) this.#ports.failed(error);
      }
      await this.#sleep(pause);
    }
    this.#looking = false;
  }

  async #try(): Promise<void> {
    if (!this.#ports.brokerIsAlive() && this.#ports.takeOver()) this.#serve();
    else await this.#ports.reconnect({ timeout: PATIENCE, signal: this.#closing.signal });
  }

  #serve(): void {
    try {
      this.#ports.serve();
    } catch (error) {
      this.#ports.giveBack();
      throw error;
    }
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const timer = this.#ports.timer(ms, () => {
        signal.removeEventListener('abort', end);
        resolve();
      });
      const end = (): void => {
        timer.cancel();
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
    });
  }

  /** Ends the search. Not what it has led to. */
  close(): void {
    this.#closing.abort();
  }
}
