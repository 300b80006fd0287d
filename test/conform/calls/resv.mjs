// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/resv — the fences of a reservation.
 *
 * The recorder holds the lock around all calls that need it, unless a step says that it does not. Then an old lock is shown here.
 */

import { Fence, USAGES, usageBefore } from '../built.mjs';
import { milliseconds, remaining } from '../numbers.mjs';

/** @import {Reservation, ResvLock, Usage} from '../../../src/resv/index.js' */
/** @import {Fence as Point} from '../../../src/fence/index.js' */
/** @import {Session} from '../session.mjs' */
/** @import {Args, Step} from '../types.js' */

/** @param {Args} args @param {Usage} [otherwise] @returns {Usage} */
export function usageOf({ usage }, otherwise = 'bookkeep') {
  const found = USAGES.find((each) => each === usage?.toLowerCase());
  if (usage !== undefined && found === undefined) throw new RangeError(`unknown usage ${usage}`);
  return found ?? otherwise;
}

/** @param {Session} session @param {Step} step @returns {Promise<ResvLock>} */
function lockFor(session, { args }) {
  const { shared } = session;
  return args.caller_holds_resv === false ? session.staleLock(shared) : session.lock(shared);
}

/** An array of the recorder's is a set here. @param {Session} session @param {string} name @returns {Point} */
function fenceOf(session, name) {
  const parts = /^array\((.*)\)$/.exec(name)?.[1]?.split(',');
  const { fences } = session;
  if (parts === undefined) return fences.get(name);
  return /** @type {any} */ (Fence.all(parts.map((part) => fences.get(part))));
}

/** @param {ResvLock} lock @param {Point} fence @param {Usage} usage */
function addTo(lock, fence, usage) {
  if (usage === 'kernel') lock.addKernel(fence);
  else lock.add(fence, usage);
}

/** A list as the recorder wrote it down. @param {Session} session @param {Reservation} resv @returns {string[]} */
export function listOf({ fences }, resv) {
  return resv.list.entries().map(({ point, usage, signaled }) => {
    const name = point === null ? undefined : fences.atRecord(point);
    return `${name ?? 'unknown'}:${usage.toUpperCase()}${signaled ? ':signaled' : ''}`;
  });
}

// --------------------------------------------------------------------------------------------- changing

/** @param {Session} session @param {Step} step */
export async function reserveAndAddFence(session, step) {
  const { resv } = session.bufferOf(step);
  const lock = await session.lock(resv);
  lock.reserve(1);
  addTo(lock, session.fences.get(String(step.args.fence)), usageOf(step.args));
  session.unlock(resv);
  return 0;
}

/** @param {Session} session @param {Step} step */
export async function reserveFences(session, step) {
  const lock = await lockFor(session, step);
  lock.reserve(step.args.num ?? 1);
  session.reserved = true;
  return 0;
}

/** @param {Session} session @param {Step} step */
export async function addFence(session, step) {
  const { args } = step;
  const lock = await lockFor(session, step);
  // Where no step says it, the recorder has reserved what it adds.
  if (lock.held && !session.reserved) lock.reserve(1);
  addTo(lock, fenceOf(session, String(args.fence)), usageOf(args, 'read'));
  return null;
}

/** @param {Session} session @param {Step} step */
export async function replaceFences(session, step) {
  const { args } = step;
  const { fences, shared } = session;
  const lock = await lockFor(session, step);
  const names = fences.all;
  // Without names, the first fence of the list gives way to the next one.
  const replacement = args.replacement ?? args.fence ?? names[1] ?? 'x';
  const context = args.context ?? names[0] ?? 'f';
  const usage = usageOf(args, shared.list.entries()[0]?.usage);
  lock.replace(fences.timeline(context), fences.get(replacement), usage);
  return null;
}

/** @param {Session} session @param {Step} step */
export async function copyFences(session, step) {
  const { shared } = session;
  const other = session.rooms.reservations.create();
  const stale = step.args.caller_holds_resv === false;
  const lock = stale ? await session.staleLock(other) : await session.lock(other);
  lock.copyFrom(shared);
  session.copy = other;
  if (step.args['list'] !== undefined) session.output('list', listOf(session, other));
  return 0;
}

/** @param {Session} session */
export function fini(session) {
  session.unlock(session.shared);
  return null;
}

// --------------------------------------------------------------------------------------------- looking

/** @param {Session} session @param {Step} step */
export async function iterFirst(session, step) {
  const lock = await lockFor(session, step);
  session.walked = [...lock.fences(usageOf(step.args))];
  return session.fences.nameOf(session.walked.shift());
}

/** @param {Session} session @param {Step} step */
export async function iterNext(session, step) {
  const lock = await lockFor(session, step);
  lock.fences(usageOf(step.args));
  return session.fences.nameOf(session.walked.shift());
}

/** @param {Session} session @param {Step} step */
export function testSignaled({ shared }, { args }) {
  return shared.test(usageOf(args));
}

/** @param {Session} session @param {Step} step */
export function getSingleton(session, { args }) {
  const single = session.shared.singleton(usageOf(args));
  session.output('fence', session.fences.nameOf(single));
  return 0;
}

/** @param {Session} session @param {Step} step */
export function getFences(session, { args }) {
  const found = session.shared.fences(usageOf(args));
  session.output('count', found.length);
  session.output('array_null', found.length === 0);
  return 0;
}

/** @param {Session} _session @param {Step} step */
export function usageRw(_session, { args }) {
  return usageBefore('conform', args['write'] === true ? 'write' : 'read').toUpperCase();
}

/** @param {Session} session @param {Step} step */
export async function waitTimeout(session, { args }) {
  const { shared, fences, hints } = session;
  if (args.caller_holds_resv !== true) session.unlock(shared);
  if (hints.signaled === true) for (const name of fences.all) session.fences.signalOnce(name);
  // A step that says no time looks, and does not wait.
  const timeout = milliseconds(args.timeout ?? 0);
  await shared.wait(usageOf(args), { timeout, ...session.interruptible(args) });
  return () => remaining(args.timeout ?? 0, session.waited);
}

/** @param {Session} session @param {Usage} usage */
export async function lockedFences(session, usage) {
  const lock = await session.lock(session.shared);
  return lock.fences(usage).map((fence) => session.fences.nameOf(fence));
}

/** @param {Session} session @param {Usage} usage */
export function unlockedFences({ shared, fences }, usage) {
  return shared.fences(usage).map((fence) => fences.nameOf(fence));
}
