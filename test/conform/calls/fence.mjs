// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/fence — single fences: signal, callbacks, waiting, comparing.
 */

import { Fence } from '../built.mjs';
import { milliseconds, Refusal, remaining } from '../numbers.mjs';

/** @import {AnyFence, Fence as Point} from '../../../src/fence/index.js' */
/** @import {Session} from '../session.mjs' */
/** @import {Args, Step} from '../types.js' */

/** Nanoseconds in one of our milliseconds. */
const NANOSECONDS = 1_000_000;

/** @returns {any} */
const nothing = () => null;

/** The fence of a step, made if need be. @param {Session} session @param {Args} args @returns {string} */
const nameIn = ({ fences }, { fence }) => fence ?? fences.only;

/** The same, or the container. @param {Session} session @param {string} name @returns {AnyFence} */
const fenceOf = ({ containers }, name) => containers.get(name);

/** A fence that has signalled by now, in a step that the trace does not show. @param {Session} session @param {Step} step */
function bringUp({ fences }, { args }) {
  const name = args.fence ?? fences.only;
  const over = args.signaled === true || args['after_signal'] === true;
  if (over || args['hardware'] === 'done') fences.signalOnce(name);
}

// --------------------------------------------------------------------------------------------- signalling

/** @param {Session} session @param {Step} step */
export function signal({ fences }, { args }) {
  if (args.fence === null) fences.timeline('none').signal(nothing());
  else fences.signal(args.fence ?? fences.only);
  return 0;
}

/** At a time that the signaller's clock says: nobody signals with another one. @param {Session} session @param {Step} step */
export async function signalTimestamp(session, step) {
  const { stage } = session;
  const time = Number(step.args['timestamp'] ?? 0) / NANOSECONDS;
  stage.clock.now = Math.max(stage.clock.now, time);
  // The clock is read once per turn.
  await stage.settle();
  return signal(session, step);
}

/** Errors come with the signal here: until then it is kept for it. @param {Session} session @param {Step} step */
export function setError({ fences }, { args }) {
  const name = String(args.fence);
  const error = String(args.error);
  const { signaled } = fences.get(name);
  if (signaled || !/^-E[A-Z]+$/.test(error)) {
    fences.refused.add(name);
    const code = /** @type {any} */ (error.replace(/^-/, ''));
    fences.timeline(name).fail(fences.get(name), code);
  }
  fences.errors.set(name, error);
  return null;
}

// --------------------------------------------------------------------------------------------- callbacks

/** @param {Session} session @param {Step} step */
export function addCallback(session, step) {
  const { args } = step;
  const { callbacks } = session;
  if (args.fence === null) return nothing().onSignal(() => {});
  const name = nameIn(session, args);
  const fence = fenceOf(session, name);
  if (args['func'] === null) fence.onSignal(nothing());
  const cb = String(args.cb);
  let calls = 0;
  const cancel = fence.onSignal(() => {
    calls++;
    const { signaled } = fence;
    session.happen({ op: 'fence_callback', cb, fence: name, signaled_bit: signaled, calls });
    return undefined;
  });
  callbacks.set(cb, { cancel, count: () => calls });
  return 0;
}

/** Whether it was in time, nobody says here. @param {Session} session @param {Step} step */
export function removeCallback({ callbacks }, { args }) {
  callbacks.get(String(args.cb))?.cancel[Symbol.dispose]();
  return undefined;
}

/** There is nothing to enable: whoever signals does so anyway. @param {Session} session @param {Step} step */
export function enableSwSignaling(session, step) {
  bringUp(session, step);
  return null;
}

/** @param {Session} session @param {Step} step */
export function isSignaled(session, step) {
  bringUp(session, step);
  return fenceOf(session, nameIn(session, step.args)).signaled;
}

// --------------------------------------------------------------------------------------------- waiting

/** What a wait says of an error, Linux says by the status. @param {AnyFence} fence @param {Promise<void>} waiting */
async function untilOver(fence, waiting) {
  try {
    await waiting;
  } catch (error) {
    const { code } = /** @type {{ code?: unknown }} */ (error);
    if (!fence.signaled || fence.error !== code) throw error;
  }
}

/** @param {Session} session @param {Step} step */
export async function waitTimeout(session, step) {
  const { args } = step;
  const name = nameIn(session, args);
  if (session.hints.signaled === true) session.fences.signalOnce(name);
  bringUp(session, step);
  const fence = fenceOf(session, name);
  const options = { timeout: milliseconds(args.timeout), ...session.interruptible(args) };
  await untilOver(fence, fence.wait(options));
  return () => remaining(args.timeout, session.waited);
}

/** @param {Session} session @param {Step} step */
export async function wait(session, step) {
  await waitTimeout(session, step);
  return 0;
}

/** @param {Session} session @param {Step} step */
export async function waitAny(session, { args }) {
  const { fences } = session;
  const all = args['count'] === 0 ? [] : fences.all.map((name) => fences.get(name));
  const options = { timeout: milliseconds(args.timeout), ...session.interruptible(args) };
  // A wait that fails leaves the index as it was: the recorder had put 99 there.
  session.output('idx', 99);
  session.output('idx', await Fence.waitAny(all, options));
  return () => remaining(args.timeout, session.waited);
}

// --------------------------------------------------------------------------------------------- order

/** Two points with these numbers. @param {Session} session @param {number} one @param {number} other @returns {[Point, Point]} */
export function numbered({ rooms: { fences } }, one, other) {
  const context = fences.contexts();
  return [fences.create(context, one), fences.create(context, other)];
}

/** @param {Session} session @param {Step} step @returns {[Point, Point]} */
function pair({ fences }, { args }) {
  if (args['contexts'] === 'different') return [fences.get('f'), fences.get('x')];
  return [fences.get('f'), fences.get('g')];
}

/** @param {Session} session @param {Step} step */
export function isLater(session, step) {
  const [f, g] = pair(session, step);
  return f.isLaterThan(g);
}

/** Of equals, both are. @param {Point} a @param {Point} b */
const laterOrSame = (a, b) => a === b || a.isLaterThan(b);

/** @param {Session} session @param {Step} step */
export function isLaterOrSame(session, step) {
  return laterOrSame(...pair(session, step));
}

/** The later one, unless it is over: of one context, merging leaves no more; of equals, the first. @param {Point} f @param {Point} g */
const mergeOf = (f, g) => Fence.merge(g, f);

/** @param {Session} session @param {Step} step */
export function later(session, step) {
  const [f, g] = pair(session, step);
  const left = mergeOf(f, g);
  if (left.leaves.length > 1) throw new Refusal('points of different contexts have no order');
  return session.fences.nameOf(left);
}

/** @param {Session} session @param {Step} step */
export function contextAlloc({ rooms }, { args }) {
  if (args.num === 0) throw new Refusal('a timeline has one context');
  rooms.fences.contexts(args.num);
  return null;
}

// --------------------------------------------------------------------------------------------- references

/** Fences are values: what nobody names any more is just forgotten. @param {Session} _session @param {Step} step */
export function reference(_session, { call }) {
  return call === 'dma_fence_get_rcu' ? undefined : null;
}

// --------------------------------------------------------------------------------------------- what was looked at

/** @param {Session} session @param {string} name */
export function status(session, name) {
  const { signaled, error, timestamp } = fenceOf(session, name);
  const number = error === null ? 0 : `-${error}`;
  return {
    fence: name,
    status: signaled ? (error === null ? 1 : number) : 0,
    error: number,
    flags: { signaled, timestamp: timestamp !== null, enable_signal: false },
    refs: undefined,
  };
}

/** @param {Session} session @param {Step} step */
export function getStatus(session, step) {
  bringUp(session, step);
  return status(session, nameIn(session, step.args)).status;
}

/** @param {Session} session */
export function timeOf({ fences }) {
  return { ns: Math.round((fences.get(fences.only).timestamp ?? 0) * NANOSECONDS) };
}

/** @param {Session} session */
export function allocated({ rooms: { fences } }) {
  const [first, second, third] = [fences.contexts(), fences.contexts(3), fences.contexts()];
  return { second_minus_first: second - first, third_minus_second: third - second };
}

/** @param {Session} session @param {string} one @param {string} other */
export function compared(session, one, other) {
  const [f, g] = numbered(session, Number(one), Number(other));
  const left = mergeOf(f, g);
  return {
    'is_later(f,g)': f.isLaterThan(g),
    'is_later(g,f)': g.isLaterThan(f),
    'is_later_or_same(f,g)': laterOrSame(f, g),
    'is_later_or_same(f,f)': laterOrSame(f, f),
    later: left === f ? 'f' : left === g ? 'g' : null,
  };
}

export function stub() {
  const { done } = Fence;
  const flags = {
    signaled: done.signaled,
    timestamp: done.timestamp !== null,
    enable_signal: false,
  };
  return { same_object: done === Fence.done, context: done.timeline, seqno: done.seqno, flags };
}
