// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/report — how a replay went: lines for people, one object for programs.
 */

/** @import {Outcome} from './types.js' */

export class Report {
  /** @type {Outcome[]} */
  #outcomes = [];

  /** @param {Outcome} outcome */
  add(outcome) {
    this.#outcomes.push(outcome);
  }

  /** @param {Outcome['verdict']} verdict */
  #all(verdict) {
    return this.#outcomes.filter((outcome) => outcome.verdict === verdict);
  }

  get failed() {
    return this.#all('failed').length;
  }

  get unsupported() {
    return this.#all('unsupported').length;
  }

  /** What is to be said of one scenario; nothing of one that passed. @param {Outcome} outcome @returns {string[]} */
  static lines({ name, verdict, why }) {
    if (verdict === 'passed') return [];
    if (verdict === 'unsupported') return [`${name}: unsupported: ${why.join('; ')}`];
    if (verdict === 'differs') return why.map((each) => `${name}: differs: ${each}`);
    return why.map((each) => `${name}: FAILED: ${each}`);
  }

  /** The last lines. @returns {string[]} */
  get summary() {
    const { unsupported } = this;
    const [passed, failed, differ] = [
      this.#all('passed'),
      this.#all('failed'),
      this.#all('differs'),
    ];
    return [
      ...(unsupported > 0 ? [`${unsupported} unsupported`] : []),
      `${passed.length} passed, ${failed.length} failed, ${differ.length} differ`,
    ];
  }

  /** For programs. */
  get json() {
    return {
      passed: this.#all('passed').length,
      failed: this.failed,
      differ: this.#all('differs').length,
      unsupported: this.#all('unsupported').map(({ name }) => name),
      failures: this.#all('failed').map(({ name, why }) => ({ name, why })),
    };
  }
}
