// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/lock-script — scripts of up to three threads that lock and unlock: an agent each here.
 *
 * Commands are numbered. After each one everything settles; then it is compared who returned, who is blocked, and who has which lock.
 */

import { AcquireContext } from './built.mjs';
import { lockCall } from './calls/lock.mjs';
import { INTERRUPTED, numberOf } from './numbers.mjs';
import { Running, Stage } from './stage.mjs';
import { Thread } from './thread.mjs';
import { shown, Verdict } from './verdict.mjs';

/** @import {Algorithm} from '../../src/resv/index.js' */
/** @import {Command} from './thread.mjs' */
/** @import {Scenario, Step} from './types.js' */

const SIGNAL = 'main sends SIGUSR1';
/** The context of a thread after a call. @typedef {{ stamp: number, acquired: number, wounded: number }} ContextState */

class Script {
  verdict = new Verdict();
  /** @type {Map<string, Thread>} */
  threads = new Map();
  /** Stamps of contexts in the order in which they were made. @type {number[]} */
  #stamps = [];

  /** @param {Scenario} scenario */
  constructor({ trace }) {
    this.trace = trace;
    const known = trace.find((entry) => entry.observe === 'class')?.['algorithm'] ?? 'wait-die';
    if (known !== 'wait-die' && known !== 'wound-wait')
      this.verdict.fail(`unknown class ${shown(known)}`);
    this.algorithm = /** @type {Algorithm} */ (known);
    this.steps = /** @type {Step[]} */ (trace.filter((entry) => entry.call !== undefined));
    const names = [...new Set(this.commands.map(({ thread }) => thread))].toSorted();
    this.stage = new Stage(Math.max(names.length, 1));
    for (const [n, name] of names.entries()) {
      this.threads.set(name, new Thread(this.stage, n, name));
    }
  }

  /** All commands by number; those of calls that never return are known by who was seen blocked. @returns {Command[]} */
  get commands() {
    /** @type {Map<number, Command>} */
    const found = new Map();
    for (const { call, thread = 'main', args, ...rest } of this.steps) {
      const number = Number(rest['issued']);
      found.set(number, { number, thread, call, lock: args.lock });
    }
    const settled = this.trace.filter((entry) => entry.observe === 'settled');
    const numbers = settled.map((entry) => Number(entry['command']));
    this.#addBlocked(found);
    const signals = this.trace
      .flatMap((entry) => entry.events ?? [])
      .filter(({ op }) => op === SIGNAL);
    for (const number of numbers.toSorted((a, b) => a - b)) {
      if (found.has(number)) continue;
      const signal = signals.shift();
      if (signal === undefined) this.verdict.fail(`nobody knows command ${number}`);
      else found.set(number, { number, thread: String(signal.to), call: SIGNAL, lock: undefined });
    }
    return [...found.values()].toSorted((a, b) => a.number - b.number);
  }

  /** @param {Map<number, Command>} found */
  #addBlocked(found) {
    for (const [index, entry] of this.trace.entries()) {
      if (entry.observe !== 'blocked') continue;
      const next = this.trace.slice(index).find((later) => later.observe === 'settled');
      const number = Number(next?.['command']);
      const { thread = 'main' } = entry;
      const lock = String(entry['lock']);
      if (found.has(number)) continue;
      found.set(number, { number, thread, call: String(entry['blocked_call']), lock });
    }
  }

  async run() {
    const { verdict } = this;
    for (const command of this.commands) {
      verdict.where = `command ${command.number} (${command.thread}: ${command.call})`;
      this.#issue(command);
      await this.stage.settle();
      this.#compareReturned(command.number);
      this.#compareBlocked(command.number);
      this.#compareSettled(command.number);
    }
    this.#unknownEntries();
  }

  /** @param {Command} command */
  #issue(command) {
    const thread = this.threads.get(command.thread);
    if (thread === undefined) throw new RangeError(`unknown thread ${command.thread}`);
    if (command.call === SIGNAL) {
      thread.signaled = true;
      thread.call?.interrupt?.abort(INTERRUPTED);
      return;
    }
    if (thread.call !== null) this.verdict.fail('this thread has not returned from its last call');
    const interrupt = command.call.includes('interruptible') ? new AbortController() : null;
    const { algorithm } = this;
    const signal = interrupt?.signal;
    const running = new Running(this.stage, () => lockCall(thread, command, algorithm, signal));
    if (command.call === 'ww_acquire_init') this.#stamps.push(thread.context?.stamp ?? -1);
    thread.call = { running, step: command, interrupt };
    // A signal that is pending ends the first wait, and nothing else.
    if (thread.signaled) interrupt?.abort(INTERRUPTED);
  }

  // ------------------------------------------------------------------------------------------- comparing

  /** Calls that returned during this command. @param {number} number */
  #compareReturned(number) {
    const { verdict } = this;
    const recorded = this.steps.filter((step) => Number(step['returned_in']) === number);
    for (const thread of this.threads.values()) {
      if (thread.call === null || thread.call.running.pending) continue;
      const { running, step: command } = thread.call;
      thread.call = null;
      const at = recorded.findIndex((step) => Number(step['issued']) === command.number);
      const [step] = at < 0 ? [] : recorded.splice(at, 1);
      if (step === undefined)
        verdict.fail(`${command.call} returned, in Linux it is still blocked`);
      else this.#compareResult(thread, step, running);
    }
    for (const { call, thread } of recorded) verdict.fail(`${call} of ${thread} has not returned`);
  }

  /** @param {Thread} thread @param {Step} step @param {Running<unknown>} running */
  #compareResult(thread, step, running) {
    const { call, args, ret: expected } = step;
    const { error, value } = running;
    const actual = running.state === 'threw' ? numberOf(error, '-EINTR') : value;
    const about = { kind: /** @type {const} */ ('ret'), call, args, expected };
    this.verdict.compare({ ...about, actual, error });
    // A complaint of Linux is an error here; there are no reports of locks that are taken in turn.
    const { warns = 0 } = step;
    if (warns > 0 && !(error instanceof Error)) {
      this.verdict.differs({ ...about, kind: 'warns', expected: step['warn_at'], actual: 'none' });
    }
    const { refusal } = thread;
    thread.refusal = null;
    if (refusal !== null) {
      this.verdict.differs({ ...about, actual: numberOf(refusal), error: refusal });
    }
    const state = /** @type {ContextState | undefined} */ (step['ctx']);
    if (state === undefined) return;
    const { context } = thread;
    const seen = {
      stamp: context === null ? 0 : this.#stamps.indexOf(context.stamp) + 1,
      acquired: context?.held,
      wounded: context?.wounded === true ? 1 : 0,
    };
    for (const [field, value_] of Object.entries(state)) {
      const [expected_, actual_] = [value_, seen[/** @type {keyof ContextState} */ (field)]];
      const here = { call, args, field: `ctx.${field}`, expected: expected_, actual: actual_ };
      this.verdict.compare({ kind: 'field', ...here });
    }
  }

  /** Who was seen blocked in this command is in that very call. @param {number} number */
  #compareBlocked(number) {
    for (const [index, entry] of this.trace.entries()) {
      if (entry.observe !== 'blocked') continue;
      const next = this.trace.slice(index).find((later) => later.observe === 'settled');
      if (Number(next?.['command']) !== number) continue;
      const { thread = 'main' } = entry;
      const step = this.threads.get(thread)?.call?.step;
      const expected = { call: entry['blocked_call'], lock: entry['lock'] };
      const actual = { call: step?.call, lock: step?.lock };
      const about = { kind: /** @type {const} */ ('observe'), call: 'blocked', args: {} };
      this.verdict.compare({ ...about, field: thread, expected, actual });
    }
  }

  /** @param {number} number */
  #compareSettled(number) {
    const { verdict } = this;
    const about = { kind: /** @type {const} */ ('observe'), call: 'settled', args: {} };
    const blocked = [...this.threads.values()].filter(({ call }) => call !== null);
    for (const entry of this.trace) {
      if (entry.observe !== 'settled' || entry['command'] !== number) continue;
      const names = blocked.map(({ name }) => name);
      verdict.compare({ ...about, field: 'blocked', expected: entry['blocked'], actual: names });
      const locks = /** @type {Record<string, unknown>} */ (entry['locks']);
      for (const [lock, expected] of Object.entries(locks)) {
        verdict.compare({ ...about, field: `lock ${lock}`, expected, actual: this.#stateOf(lock) });
      }
    }
  }

  /** @param {string} lock */
  #stateOf(lock) {
    const [first] = this.threads.values();
    const slot = first?.resv(lock).holderSlot ?? -1;
    const owner = [...this.threads.values()].find(({ room }) => room.agent.slot === slot);
    const by = owner?.resv(lock).holder;
    return {
      owner: owner?.name ?? null,
      is_locked: first?.resv(lock).locked === true,
      has_ctx: by instanceof AcquireContext,
    };
  }

  #unknownEntries() {
    const known = ['class', 'settled', 'blocked'];
    const numbers = new Set(this.commands.map(({ number }) => number));
    for (const entry of this.trace) {
      if (entry.observe !== undefined && !known.includes(entry.observe)) {
        this.verdict.fail(`unknown observation ${entry.observe}`);
      }
      if (entry.observe === 'settled' && !numbers.has(Number(entry['command']))) {
        this.verdict.fail(`unknown command ${shown(entry['command'])}`);
      }
      for (const { op } of entry.events ?? []) {
        if (op !== SIGNAL) this.verdict.fail(`unknown event ${op}`);
      }
    }
  }

  async end() {
    for (const { locks, context } of this.threads.values()) {
      for (const lock of locks.values()) lock.unlock();
      context?.[Symbol.dispose]();
    }
    await this.stage.settle();
    this.stage.close();
  }
}

/** Is that a script of several threads? @param {Scenario} scenario */
export function isScript({ trace }) {
  return trace.some((entry) => entry['issued'] !== undefined);
}

/** @param {Scenario} scenario @returns {Promise<Verdict>} */
export async function replayScript(scenario) {
  const script = new Script(scenario);
  try {
    await script.run();
  } catch (error) {
    script.verdict.fail(error instanceof Error ? error.message : String(error));
  }
  await script.end();
  return script.verdict;
}
