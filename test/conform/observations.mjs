// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/observations — what the recorder looked at between steps, looked at here.
 */

import { bufinfo, bufinfoLine, described, isNamedElsewhere } from './bufinfo.mjs';
import { USAGES } from './built.mjs';
import { attachmentState } from './calls/attach.mjs';
import * as containers from './calls/containers.mjs';
import * as fence from './calls/fence.mjs';
import * as file from './calls/file.mjs';
import * as mmap from './calls/mmap.mjs';
import { listOf, lockedFences, unlockedFences, usageOf } from './calls/resv.mjs';
import { merged, nextInfo, snapshotOf } from './calls/sync-file.mjs';
import { sharers } from './calls/vmap.mjs';
import { isPromised } from './contract.mjs';
import { change, endsAlike, walked } from './walk.mjs';

/** @import {Session} from './session.mjs' */
/** @import {Running} from './stage.mjs' */
/** @import {Entry, Fact, Step} from './types.js' */

/** @typedef {(session: Session, entry: Entry) => unknown} Observation  gives what is to be compared, by field */

/** What an observation is called and when it was made. The length of a text differs with what is not compared of it. */
const NOT_COMPARED = ['observe', 'when', 'bytes'];

/** @param {Session} session */
const onlyBuffer = ({ buffers }) => {
  const [first] = buffers.values();
  if (first === undefined) throw new RangeError('there is no buffer');
  return first;
};

/** @param {Session} session @param {Entry} entry */
const importAt = (session, { attachment }) =>
  [...session.imports.values()].findLast(({ number }) => number === (attachment ?? number));

/** @type {Observation} */
async function lookAtAttachment(session, entry) {
  const from = importAt(session, entry);
  return from === undefined ? {} : attachmentState(session, from);
}

/** @type {Observation} */
function lookAtBuffer(session) {
  const { handle, resv, dynamic } = onlyBuffer(session);
  return {
    size: handle.size,
    exp_name: handle.exporter,
    name: handle.name,
    is_dynamic: handle.dynamic && dynamic,
    attachments_empty: session.listed(onlyBuffer(session)) === 0,
    vmapping_counter: sharers(session, onlyBuffer(session)),
    i_size: handle.size,
    own_resv: resv.row === handle.row,
    resv_locked: resv.locked,
  };
}

/** Both buffers have one reservation. @type {Observation} */
function sameResv({ buffers }) {
  const [first, ...others] = [...buffers.values()].map(({ resv }) => resv);
  return { same: others.every((resv) => resv === first) };
}

/** A lock taken through one buffer, seen through all. @type {Observation} */
async function lockedThrough(session, entry) {
  const { resv } = session.buffer(String(entry.observe).replace('locked_through_', ''));
  await session.lock(resv);
  const seen = [...session.buffers].map(([name, each]) => [name, each.handle.resv.locked]);
  session.unlock(resv);
  return Object.fromEntries(seen);
}

/** @type {Observation} */
function fenceState({ fences, buffers }, entry) {
  if (entry['signaled'] !== undefined) return { signaled: fences.get(fences.only).signaled };
  const name = String(entry['fence']);
  const lists = [...buffers.values()].flatMap(({ resv }) => resv.list.entries());
  const found = lists.find(({ point }) => point !== null && fences.atRecord(point) === name);
  return { fence: name, usage: found === undefined ? null : USAGES.indexOf(found.usage) };
}

/** @type {ReadonlyMap<string, Observation>} */
const OBSERVATIONS = new Map(
  /** @type {[string, Observation][]} */ ([
    ['attachment', lookAtAttachment],
    ['cache', lookAtAttachment],
    [
      'attachments',
      ({ imports }) => ({ distinct: new Set(imports.values()).size === imports.size }),
    ],
    ['buffer', lookAtBuffer],
    ['resv', sameResv],
    ['resv_after_release', ({ shared }) => ({ locked: shared.locked })],
    ['name', file.nameAndTexts],
    ['f_pos', file.position],
    ['fds', file.distinct],
    ['other_file', () => ({})],
    ['numbers', (_session, entry) => file.commandNumbers(entry)],
    ['first_byte', mmap.firstByte],
    ['exporter_page_sees_the_write', mmap.exporterSees],
    ['bufinfo', bufinfo],
    ['bufinfo_line', bufinfoLine],
    ['fence', fenceState],
    ['values', () => Object.fromEntries(USAGES.map((usage, n) => [usage.toUpperCase(), n]))],
    ['list', (session) => ({ list: listOf(session, session.shared) })],
    [
      'refs',
      (_session, entry) => Object.fromEntries(Object.keys(entry).map((key) => [key, undefined])),
    ],
    [
      'for_each_fence (locked)',
      async (session, entry) => ({
        usage: entry['usage'],
        fences: await lockedFences(session, usageOf(entry)),
      }),
    ],
    [
      'for_each_fence_unlocked',
      (session, entry) => ({
        usage: entry['usage'],
        fences: unlockedFences(session, usageOf(entry)),
      }),
    ],
    ['between_first_and_second', change],
    ['walk', walked],
    ['steps', walked],
    ['status', (session, entry) => fence.status(session, String(entry['fence']))],
    ['error_field', (session, entry) => errorField(session, entry)],
    ['timestamp', (session) => fence.timeOf(session)],
    ['calls', ({ callbacks }, { cb }) => ({ cb, calls: callbacks.get(String(cb))?.count() ?? 0 })],
    [
      'compare',
      (session, { f, g }) => ({ f, g, ...fence.compared(session, String(f), String(g)) }),
    ],
    ['hardware', (session, entry) => hardware(session, entry)],
    ['context_alloc', (session) => fence.allocated(session)],
    ['stub', () => fence.stub()],
    ['describe', described],
    ['fences', (session) => ({ list: namedFences(session) })],
    ['test_signaled', (session, entry) => tests(session, entry)],
    ['sync_fence_info', nextInfo],
    ['snapshot', snapshotOf],
    ['merged', merged],
  ]),
);

/** The fences of the buffer. @param {Session} session */
function namedFences(session) {
  const entries = onlyBuffer(session).resv.list.entries();
  return entries.map(({ point, usage, signaled }) => ({
    fence: point === null ? undefined : session.fences.atRecord(point),
    usage: usage.toUpperCase(),
    signaled,
  }));
}

/** @param {Session} session @param {Entry} entry */
function tests(session, entry) {
  const { resv } = onlyBuffer(session);
  const usages = USAGES.filter((usage) => usage.toUpperCase() in entry);
  return Object.fromEntries(usages.map((usage) => [usage.toUpperCase(), resv.test(usage)]));
}

/** @param {Session} session @param {Entry} entry */
function errorField(session, entry) {
  const names = Object.keys(entry).filter((key) => key !== 'observe');
  return Object.fromEntries(names.map((name) => [name, fence.status(session, name).error]));
}

/** What the backend has done by now; nobody is told. @param {Session} session @param {Entry} entry */
function hardware(session, entry) {
  const { fences } = session;
  const { flags } = fence.status(session, fences.only);
  return { state: entry['state'], flags };
}

/** @param {Session} session @param {Entry} entry @param {Map<Step, Running<unknown>>} begun */
export async function observe(session, entry, begun) {
  const { verdict } = session;
  const what = String(entry.observe);
  if (what === 'while_main_holds_resv' || !isPromised(what)) return;
  const signaled = what.startsWith('fence_signaled')
    ? () => ({ value: session.fences.get(session.fences.only).signaled })
    : undefined;
  const through = what.startsWith('locked_through_') ? lockedThrough : undefined;
  const finished = what === 'after_main_unlocks' ? () => afterUnlock(begun) : undefined;
  const contained = containers.lookFor(session, entry);
  const look = contained ?? signaled ?? through ?? finished ?? OBSERVATIONS.get(what);
  if (look === undefined) {
    verdict.fail(`unknown observation ${what}`);
    return;
  }
  const actual = await look(session, entry);
  if (actual === null) return;
  compare(session, entry, /** @type {Record<string, unknown>} */ (actual));
}

/** @param {Map<Step, Running<unknown>>} begun */
function afterUnlock(begun) {
  const last = [...begun.values()].at(-1);
  return { finished: last !== undefined && !last.pending };
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a rule may want to know of an observation. @param {Session} session @param {Entry} entry @returns {Fact[]} */
function factsOf(session, entry) {
  const { fences } = session;
  if (containers.lookFor(session, entry) !== undefined) return containers.factsOf(session);
  const isWalk = entry.observe === 'walk' || entry.observe === 'steps';
  if (isWalk) return endsAlike(session) ? ['the same in the end'] : [];
  if (entry.observe === 'bufinfo_line') {
    return isNamedElsewhere(session, String(entry['text'])) ? ['named elsewhere'] : [];
  }
  const names = [...Object.keys(entry), String(entry['fence'])];
  if (names.some((name) => fences.refused.has(name))) return ['refused before'];
  return names.some((name) => fences.errors.has(name)) ? ['error set'] : [];
}

/** @param {Session} session @param {Entry} entry @param {Record<string, unknown>} actual */
function compare(session, entry, actual) {
  const { verdict, refusedName } = session;
  const about = { call: String(entry.observe), args: entry, facts: factsOf(session, entry) };
  const one = (
    /** @type {string} */ field,
    /** @type {unknown} */ expected,
    /** @type {unknown} */ seen,
  ) => verdict.compare({ kind: 'observe', ...about, refusedName, field, expected, actual: seen });
  for (const [field, expected] of Object.entries(entry)) {
    if (NOT_COMPARED.includes(field) || !isPromised(field)) continue;
    const seen = actual[field];
    if (!isRecord(expected)) one(field, expected, seen);
    else {
      const parts = isRecord(seen) ? seen : {};
      for (const [part, value] of Object.entries(expected))
        one(`${field}.${part}`, value, parts[part]);
    }
  }
}
