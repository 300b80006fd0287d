// SPDX-License-Identifier: MIT
// @ts-check
/**
 * An agent under load, as the one that started it sees it: a thread, or a process. It is never waited for without end: one that is
 * not heard of any more is stuck, and that is a finding.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { tell } from './wire.mjs';

/** @import {DmaBuf, Domain, Json, Member} from 'dmabuf' */
/** @import {Kind, Setup} from './load/load.mjs' */
/** @import {Host} from './wire.mjs' */
/** @typedef {(kind: Kind, what: string) => void} Found */
/**
 * @typedef {object} Berth
 * @property {'thread' | 'process'} as
 * @property {string} name
 * @property {Setup} setup
 * @property {Found} found  told of what it finds, and of what is wrong with it
 */
/** @typedef {{ readonly records: readonly DmaBuf[], readonly camera: DmaBuf }} Stores */
/** @typedef {{ word: string, kind?: Kind, what?: string, descriptors?: Record<string, number> }} Message */

const SCRIPT = new URL('load/agent.mjs', import.meta.url);
/** Milliseconds that starting one may take, on a machine that is busy with all the others. */
const START = 60_000;
/** So many waits in a row may each take all the time there is before it is taken for stuck. */
const ROUNDS = 4;

export class Crewmate {
  /** What it has said, and nobody has asked for. @type {Message[]} */
  #said = [];
  #wake = () => {};
  #expected = false;
  #gone = false;

  /** @param {Domain} domain @param {Member} member @param {Berth} berth */
  constructor(domain, member, { setup, found }) {
    this.domain = domain;
    this.member = member;
    this.found = found;
    this.patience = ROUNDS * setup.patience;
    this.host.on('message', (/** @type {Message} */ message) => this.#heard(message));
    // A Worker's error would end us; its reason is told below.
    this.host.on('error', () => undefined);
    void member.gone.then(({ reason }) => {
      this.#gone = true;
      this.#wake();
      if (!this.#expected) found('corruption', `${member.name} ended by itself: ${reason}`);
    });
  }

  /** @param {Domain} domain @param {Berth} berth */
  static async start(domain, berth) {
    const { as, name, setup } = berth;
    const data = /** @type {Json} */ (/** @type {unknown} */ (setup));
    const member = await domain.spawn(SCRIPT, { as, name, data, timeout: START });
    return new Crewmate(domain, member, berth);
  }

  /** @returns {Host} */
  get host() {
    return /** @type {Host} */ (this.member.host);
  }

  /** It works from now on, and says when it has come to that point. @param {Stores} stores @param {number} points */
  begin({ records, camera }, points) {
    const to = this.member;
    const shares = {
      records: records.map((buf) => buf.share({ to })),
      camera: camera.share({ to }),
    };
    tell(this.host, { word: 'begin', shares, points });
  }

  /** Whatever ends it from now on. */
  mayEnd() {
    this.#expected = true;
  }

  /** Until it is there. */
  due() {
    return this.#hear('due');
  }

  /** Until it has finished its step, and has nothing open but what it keeps. @returns its descriptors, by kind */
  async rest() {
    tell(this.host, { word: 'rest' });
    const said = await this.#hear('resting');
    return said?.descriptors ?? {};
  }

  /** @param {number} points */
  go(points) {
    this.#said = [];
    tell(this.host, { word: 'go', points });
  }

  /** It ends by itself, in order. */
  leave() {
    this.#expected = true;
    tell(this.host, { word: 'leave' });
  }

  /** Until it has left. */
  async left() {
    const end = new AbortController();
    const late = sleep(this.patience, 'late', { signal: end.signal }).catch(() => 'over');
    const how = await Promise.race([this.member.gone, late]);
    end.abort();
    if (typeof how === 'string') {
      this.found('stuck', `${this.#name} does not leave${this.#waiting()}`);
      await this.kill();
    } else if (!how.clean) this.found('corruption', `${this.#name} failed to leave: ${how.reason}`);
  }

  /** Until it is dead, and recovered. @returns the seconds that it took */
  async kill() {
    this.#expected = true;
    const began = performance.now();
    await this.member.kill();
    return (performance.now() - began) / 1000;
  }

  get #name() {
    return this.member.name;
  }

  /** @param {Message} message */
  #heard(message) {
    const { word, kind, what } = message;
    if (word === 'found') this.found(kind ?? 'corruption', `${what}`);
    else this.#said.push(message);
    this.#wake();
  }

  /** @param {string} word @returns the message, or null: it is dead, or stuck */
  async #hear(word) {
    const end = new AbortController();
    const late = sleep(this.patience, true, { signal: end.signal }).catch(() => false);
    try {
      for (;;) {
        const at = this.#said.findIndex((message) => message.word === word);
        if (at >= 0) return this.#said.splice(at, 1)[0] ?? null;
        if (this.#gone) return null;
        const heard = new Promise((resolve) => {
          this.#wake = () => resolve(false);
        });
        if (await Promise.race([heard, late])) {
          this.found('stuck', `${this.#name} is not ${word}${this.#waiting()}`);
          return null;
        }
      }
    } finally {
      end.abort();
    }
  }

  #waiting() {
    const { members } = this.domain.snapshot();
    const waitingFor = members.find(({ name }) => name === this.#name)?.waitingFor ?? 'nothing';
    return `: it waits for ${waitingFor}`;
  }
}
