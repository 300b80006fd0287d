// SPDX-License-Identifier: MIT
// @ts-check
/**
 * What must be so while all survivors rest: every lock is free, every fence over, nobody has more than what he keeps, and every
 * record is whole, or says that its writer died. What the dead had may be on its way out: it has a while for that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DmaBufError } from 'dmabuf';
import { isTorn, RECORD, repair } from './load/pattern.mjs';
import { scoped } from './load/scope.mjs';

/** @import {DmaBuf, Domain, DomainSnapshot, Pool} from 'dmabuf' */
/** @import {Found} from './crewmate.mjs' */
/** @import {Kind} from './load/load.mjs' */
/** @typedef {{ readonly kind: Kind, readonly what: string }} Finding */
/**
 * @typedef {object} Expected
 * @property {readonly string[]} members  names of all that are there
 * @property {number} used                bytes of the system heap
 * @property {Pool} [pool]                all of whose buffers are free
 * @property {readonly DmaBuf[]} buffers  all that there are
 */

/** Milliseconds between two looks. */
const BREATH = 5;

/** @param {Domain} domain @param {Expected} expected @param {number} patience @param {Found} found */
export async function inspect(domain, expected, patience, found) {
  const end = performance.now() + patience;
  let left = look(domain, expected);
  while (left.length > 0 && performance.now() < end) {
    await domain.idle();
    await sleep(BREATH);
    left = look(domain, expected);
  }
  for (const { kind, what } of left) found(kind, what);
}

/** @param {Domain} domain @param {Expected} expected @returns {Finding[]} */
function look(domain, expected) {
  const { buffers, members, heaps } = domain.snapshot();
  const names = members.map(({ name }) => name);
  const used = heaps.find(({ name }) => name === 'system')?.used ?? 0;
  const left = buffers.flatMap((buffer) => lookAt(buffer, expected));
  for (const name of names)
    if (!expected.members.includes(name)) left.push(leak(`the slot of ${name}`));
  for (const name of expected.members)
    if (!names.includes(name)) left.push({ kind: 'corruption', what: `${name} has no slot` });
  if (used !== expected.used)
    left.push(leak(`${used} bytes of the heap are used, not ${expected.used}`));
  if (expected.pool !== undefined) left.push(...framesOf(expected.pool));
  return left;
}

/** @param {DomainSnapshot['buffers'][number]} buffer @param {Expected} expected @returns {Finding[]} */
function lookAt({ id, name, refs, inFlight, attachments, lock, fences }, expected) {
  const called = `buffer ${id} (${name ?? 'no name'})`;
  if (!expected.buffers.some((buf) => buf.id === id))
    return [leak(`${called}, of ${Object.keys(refs).join(' and ')}, ${inFlight} in flight`)];
  const left = Object.keys(refs)
    .filter((who) => !expected.members.includes(who))
    .map((who) => leak(`a reference of ${who} to ${called}`));
  if (inFlight > 0) left.push(leak(`${inFlight} tickets for ${called}`));
  if (attachments.length > 0) left.push(leak(`${attachments.length} attachments to ${called}`));
  if (lock !== null) left.push(stuck(`${lock.holder} has the lock of ${called}`));
  for (const { timeline, seqno, signaled } of fences)
    if (!signaled) left.push(stuck(`${timeline} ${seqno} is pending on ${called}`));
  return left;
}

/** What nobody has of a pool, and still is not free, waits for a fence. @param {Pool} pool @returns {Finding[]} */
function framesOf(pool) {
  const held = new Set(pool.holders().map(({ buffer }) => buffer)).size;
  const pending = pool.count - pool.free - held;
  const left = pool.holders().map(({ buffer, member }) => leak(`frame ${buffer} of ${member}`));
  if (pending > 0) left.push(stuck(`${pending} frames of the pool wait for a fence`));
  return left;
}

/** @param {string} what @returns {Finding} */
function leak(what) {
  return { kind: 'leak', what };
}

/** @param {string} what @returns {Finding} */
function stuck(what) {
  return { kind: 'stuck', what };
}

/** Every record can be locked, and is whole, or its writer died. @param {readonly DmaBuf[]} records @param {number} patience @param {Found} found */
export async function inspectRecords(records, patience, found) {
  for (const buf of records) {
    try {
      await inspectRecord(buf, patience, found);
    } catch (error) {
      if (!DmaBufError.is(error, 'ETIMEDOUT')) throw error;
      found('stuck', `${buf.name}: ${error.message}`);
    }
  }
}

/** @param {DmaBuf} buf @param {number} patience @param {Found} found */
function inspectRecord(buf, patience, found) {
  return scoped(async (own) => {
    const cpu = own(await buf.cpuAccess('write', { timeout: patience }));
    const lock = own(await buf.resv.lock({ recover: true, timeout: patience }));
    const halves = cpu.as(Int32Array, RECORD);
    if (isTorn(halves) && !lock.ownerDied)
      found('corruption', `${buf.name} is torn, and its lock does not say so: ${halves.join()}`);
    repair(halves);
    lock.markConsistent();
  });
}
