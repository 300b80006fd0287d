// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/steps — replays a scenario step by step, and compares what each returns, calls back and leaves behind.
 *
 * A helper thread's deeds are done here: when the call waits, as in the trace; before the call, if it is one that never waits for
 * a fence, since the recorder had waited for the helper then.
 */

import { DmaBufError, snapshot } from './built.mjs';
import { callOf, FENCES } from './calls/index.mjs';
import { listOf } from './calls/resv.mjs';
import { isPromised } from './contract.mjs';
import { Events } from './events.mjs';
import { INTERRUPTED, isComplaint, numberOf } from './numbers.mjs';
import { observe } from './observations.mjs';
import { planOf } from './plan.mjs';
import { Session } from './session.mjs';
import { shown } from './verdict.mjs';

/** @import {Call} from './calls/index.mjs' */
/** @import {Hints} from './hints.mjs' */
/** @import {Plan} from './plan.mjs' */
/** @import {Buffer} from './session.mjs' */
/** @import {Running} from './stage.mjs' */
/** @import {After, Entry, Scenario, Step, TraceEvent} from './types.js' */
/** @import {Verdict} from './verdict.mjs' */

/** Nothing more can be said of this scenario. */
class Stop extends Error {}

/** What a callback changes in the exporter's counts, if it succeeds. @type {Map<string, ['attachments' | 'pins' | 'live_maps', number]>} */
const EFFECTS = new Map([
  ['attach', ['attachments', 1]],
  ['detach', ['attachments', -1]],
  ['map', ['live_maps', 1]],
  ['unmap', ['live_maps', -1]],
  ['pin', ['pins', 1]],
  ['unpin', ['pins', -1]],
]);

/** Looked at before the others. */
const COMPARED = ['buf', 'alive'];

class Steps {
  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.plan = planOf(session.scenario);
    /** Steps that were begun before their place in the trace. @type {Map<Step, Running<unknown>>} */
    this.begun = new Map();
  }

  async run() {
    const { session, plan } = this;
    const { verdict, scenario } = session;
    for (const [index, entry] of scenario.trace.entries()) {
      verdict.where = `entry ${index + 1} (${entry.call ?? entry.observe ?? Object.keys(entry)[0]})`;
      const unplaced = plan.unplaced.get(entry);
      if (unplaced !== undefined) verdict.fail(`no step makes the blocked call ${unplaced}`);
      const held = plan.heldAt.get(entry);
      if (held !== undefined) await this.#whileHeld(entry, held);
      else if (entry.observe === 'while_main_holds_resv') session.unlockAll('main');
      if (entry.call !== undefined) await this.#step(/** @type {Step} */ (entry));
      else if (entry.observe !== undefined) await observe(session, entry, this.begun);
      else if (entry.between_steps === true) this.#between(entry);
      else if (entry.after_last_step === true) await this.#cleanUp(entry);
      else if (entry.note === undefined) verdict.fail('unknown kind of entry');
    }
  }

  // ------------------------------------------------------------------------------------------- steps

  /** @param {Step} step */
  async #step(step) {
    const running = this.begun.get(step) ?? this.#begin(step);
    await this.#finish(step, running);
  }

  /** @param {Step} step @returns {Running<unknown>} */
  #begin(step) {
    const { session, plan } = this;
    const call = this.#known(step);
    this.#endOfStep('between steps');
    session.step = step;
    session.events = new Events([...(plan.early.get(step) ?? []), ...(step.events ?? [])]);
    session.outputs.clear();
    session.facts.clear();
    session.waited = false;
    for (const buffer of session.buffers.values()) buffer.listed = session.listed(buffer);
    this.#hardware(step);
    while (!call.waits && session.events.helperFirst) this.#help();
    const running = session.start(() => call.run(session, step));
    this.begun.set(step, running);
    return running;
  }

  /** @param {Step} step @returns {Call} */
  #known(step) {
    const { verdict } = this.session;
    const call = /** @type {Call} */ (callOf(step));
    for (const name of Object.keys(step.args)) {
      const isFence = call.takes.includes(FENCES) && this.session.fences.all.includes(name);
      if (isFence || call.takes.includes(name) || !isPromised(name)) continue;
      verdict.fail(`unknown argument ${name}`);
    }
    return call;
  }

  /** A backend that says "done already" has signalled by then. @param {Step} step */
  #hardware({ events = [] }) {
    for (const { op, ret, fence } of events) {
      const over =
        (op === 'fence.enable_signaling' && ret === false) ||
        (op === 'fence.signaled' && ret === true);
      if (over && fence !== undefined) this.session.fences.signalOnce(fence);
    }
  }

  /** The helper does what is next. */
  #help() {
    const { session } = this;
    const { helper } = session.events;
    if (helper === null) return;
    const { op, fence } = helper;
    const resv = session.buffers.size > 0 ? session.bufferOf(session.step).resv : session.shared;
    const about = fence === undefined ? {} : { fence };
    session.happen({ op, thread: 'helper', resv_locked: resv.locked, ...about });
    if (op === 'send_signal') session.interrupt.abort(INTERRUPTED);
    else session.fences.signal(String(fence));
  }

  /** @param {Step} step @param {Running<unknown>} running */
  async #finish(step, running) {
    const { session } = this;
    await this.#returned(running);
    // A helper for whom nobody waited acts all the same.
    for (const { fence } of session.events.idle) {
      if (fence !== undefined) session.fences.signalOnce(fence);
    }
    const refused = this.#compareResult(step, running);
    if (refused && DmaBufError.is(running.error, 'ENOLCK')) await this.#again(step);
    // Nothing can be done in its place: Linux's list has something that ours has not.
    else if (refused && step.call === 'dma_resv_add_fence') session.standing.add('refused before');
    await this.#leaveLock(step);
    this.#compareOutputs(step);
    session.events.compare(session.verdict, this.#about(step), (event, sign) =>
      this.#excused(event, sign),
    );
    session.events = new Events([]);
    if (step.after !== undefined && step.after !== null) this.#compareAfter(step, step.after);
  }

  /** Until it has: a helper acts, or time passes, only when nothing else happens. @param {Running<unknown>} running */
  async #returned(running) {
    const { session } = this;
    const { stage, verdict } = session;
    for (await stage.settle(); running.pending; await stage.settle()) {
      session.waited = true;
      if (session.events.helper !== null) this.#help();
      else if (!stage.clock.advance()) {
        verdict.fail('it never returns');
        throw new Stop();
      }
    }
  }

  /** @param {Step} step @param {Running<unknown>} running @returns {boolean} whether the call was refused */
  #compareResult(step, running) {
    const { session } = this;
    const { verdict, stage } = session;
    const { ret: expected, warns = 0 } = step;
    const threw = running.state === 'threw';
    const { error, value } = running;
    const result = typeof value === 'function' ? value() : value;
    const actual = threw ? numberOf(error) : result;
    const refused = threw && isComplaint(error);
    if (refused) session.facts.add(DmaBufError.is(error, 'EBUSY') ? 'busy' : 'refused');
    if (refused && (warns > 0 || DmaBufError.is(error, 'ENOLCK'))) session.facts.add('complained');
    const reports = stage.reports.splice(0);
    const about = { ...this.#about(step), error, reports, warns };
    verdict.compare({ kind: 'ret', ...about, expected, actual });
    if (warns > 0 && !refused) {
      verdict.differs({ kind: 'warns', ...about, expected: step['warn_at'], actual: 'none' });
    }
    return refused;
  }

  /** Linux does it all the same; so that the rest can be compared, it is done with the lock here. @param {Step} step */
  async #again(step) {
    const { session } = this;
    const call = this.#known(step);
    const locking = { ...step, args: { ...step.args, caller_holds_resv: true } };
    const running = session.start(() => call.run(session, locking));
    await this.#returned(running);
    this.#compareResult({ ...locking, warns: 0 }, running);
    session.unlock(session.buffers.size > 0 ? session.bufferOf(step).resv : session.shared);
  }

  /** The caller keeps the lock where the trace shows it locked afterwards. @param {Step} step */
  async #leaveLock(step) {
    const { session } = this;
    if (step.args.caller_holds_resv !== true || session.buffers.size === 0) return;
    if (step.after?.['resv_locked'] !== true) session.unlock(session.bufferOf(step).resv);
    // What was put off until the lock is free.
    await session.stage.settle();
  }

  /** Arguments that hold what the recorder saw. @param {Step} step */
  #compareOutputs(step) {
    const { session } = this;
    const { args } = step;
    const { outputs, verdict } = session;
    if (args['list'] !== undefined && !outputs.has('list')) {
      outputs.set('list', listOf(session, session.shared));
    }
    if (args['num_fences'] !== undefined && !outputs.has('num_fences')) {
      outputs.set('num_fences', session.shared.list.count);
    }
    if (args['refs_taken'] !== undefined) outputs.set('refs_taken', undefined);
    for (const [field, actual] of outputs) {
      if (!(field in args)) continue;
      const about = { ...this.#about(step), field };
      verdict.compare({ kind: 'field', ...about, expected: args[field], actual });
    }
  }

  // ------------------------------------------------------------------------------------------- states

  /** What a rule may want to know of a step. @param {Step} step */
  #about(step) {
    const { session } = this;
    const facts = [...session.facts, ...session.standing];
    if (session.hints.sameContext && session.hints.order === 'beyond') facts.push('beyond');
    if (session.buffers.size > 0) {
      const buffer = session.bufferOf(step);
      if (buffer.accesses.length + buffer.vmaps.length + session.listed(buffer) > 0)
        facts.push('open');
      if (buffer.pollers.length > 0 && !buffer.handle.closed) {
        const { readable, writable } = buffer.handle.poll();
        if (!readable) facts.push('not readable');
        if (!writable) facts.push('not writable');
      }
    }
    return { call: step.call, args: step.args, facts };
  }

  /** A decision covers a callback that was recorded or that happened: Linux's counts are others from now on. @param {TraceEvent} event @param {1 | -1} sign */
  #excused({ op, buf, ret }, sign) {
    const effect = EFFECTS.get(op);
    const failed = ret === null || (typeof ret === 'string' && ret.startsWith('-'));
    if (effect === undefined || buf === undefined || failed) return;
    const [what, by] = effect;
    this.session.buffer(buf).offsets[what] += sign * by;
  }

  /** @param {Step} step @param {After} after */
  #compareAfter(step, after) {
    const { session } = this;
    const { verdict } = session;
    const buffer = session.buffer(after.buf);
    const about = { kind: /** @type {const} */ ('after'), ...this.#about(step) };
    const alive = snapshot(session.rooms).buffers.some(({ id }) => id === buffer.id);
    verdict.compare({ ...about, field: 'alive', expected: after.alive, actual: alive });
    if (!after.alive || !alive) return;
    const state = this.#stateOf(buffer);
    for (const [field, expected] of Object.entries(after)) {
      if (COMPARED.includes(field) || !isPromised(field) || expected === null) continue;
      if (!(field in state)) verdict.fail(`unknown state ${field}`);
      const actual = state[field];
      verdict.compare({ ...about, field, expected, actual });
    }
  }

  /** @param {Buffer} buffer @returns {Record<string, unknown>} */
  #stateOf(buffer) {
    const { counts, offsets, resv } = buffer;
    return {
      resv_locked: resv.locked,
      buf_mutex_locked: false,
      attachments: this.session.listed(buffer) - offsets.attachments,
      pins: counts.pins - offsets.pins,
      live_maps: counts.live_maps - offsets.live_maps,
    };
  }

  // ------------------------------------------------------------------------------------------- outside of steps

  /** Nothing may happen while nobody calls. @param {string} where */
  #endOfStep(where) {
    const { session } = this;
    const about = { call: where, args: {}, facts: [] };
    session.events.compare(session.verdict, about, (event, sign) => this.#excused(event, sign));
    session.events = new Events([]);
  }

  /** @param {Entry} entry */
  #between(entry) {
    const { session, plan } = this;
    session.events = new Events((entry.events ?? []).filter((event) => !plan.moved.has(event)));
    this.#endOfStep('between steps');
  }

  /** The recorder signals and forgets what it made. @param {Entry} entry */
  async #cleanUp(entry) {
    const { session } = this;
    this.#endOfStep('between steps');
    session.events = new Events(entry.events ?? []);
    session.fences.signalAll();
    await session.stage.settle();
    this.#endOfStep('after the last step');
  }

  /** The main thread has the lock, and another one calls. @param {Entry} entry @param {Plan['heldAt'] extends Map<any, infer H> ? H : never} held */
  async #whileHeld(entry, { step, returned }) {
    const { session } = this;
    const { verdict, stage } = session;
    const { resv } = session.bufferOf(step);
    await session.lock(resv, 'main');
    const running = this.#begin(step);
    session.facts.add('contended');
    await stage.settle();
    verdict.compare({
      kind: 'observe',
      call: step.call,
      args: step.args,
      field: 'returned',
      expected: returned,
      actual: !running.pending,
    });
    const late = entry === step && running.pending;
    // Whoever returns in spite of the lock is looked at with the lock held.
    if (!returned || late) session.unlock(resv, 'main');
  }
}

/** @param {Scenario} scenario @param {Hints} hints @returns {Promise<Verdict>} */
export async function replaySteps(scenario, hints) {
  const session = new Session(scenario, hints);
  const { verdict } = session;
  try {
    await new Steps(session).run();
  } catch (error) {
    if (!(error instanceof Stop))
      verdict.fail(error instanceof Error ? error.message : shown(error));
  }
  await session.end();
  return verdict;
}
