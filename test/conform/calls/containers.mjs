// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/containers — arrays, chains and merges of fences, and what the recorder looked at of them.
 */

import { constants } from 'node:os';
import { Fence, FenceChain, FenceSet } from '../built.mjs';

/** @import {AnyFence, Fence as Point, FenceChain as Link} from '../../../src/fence/index.js' */
/** @import {Session} from '../session.mjs' */
/** @import {Entry, Fact, Step} from '../types.js' */

/** @type {Readonly<Record<string, number>>} */
const NUMBERS = constants.errno;

/** Of what is put into nothing, or asked of what cannot answer. @returns {any} */
const nothing = () => null;

// --------------------------------------------------------------------------------------------- making

/** @param {Session} session @param {Step} step */
export function arrayCreate(session, { args, ret }) {
  const { containers, facts } = session;
  const parts = (containers.partsOf(ret) ?? []).map((name) => containers.get(name));
  if (parts.some((part) => part instanceof FenceSet || part instanceof FenceChain)) {
    facts.add('nested');
  }
  session.output('num', parts.length);
  containers.failedBefore = parts.filter(({ error }) => error !== null).length;
  const set = args['signal_on_any'] === true ? Fence.any(parts) : Fence.all(parts);
  return containers.add(set);
}

/** @param {Session} session @param {Step} step */
export function chainInit(session, { args }) {
  const { containers, rooms } = session;
  const previous = args['prev'] === null ? null : containers.get(args['prev']);
  const payload = containers.get(args.fence);
  const domain = { name: 'conform', agent: 'main', fences: rooms.fences };
  const link = FenceChain.append(domain, previous, payload, Number(args['seqno']));
  const goesOn = previous instanceof FenceChain && link.timeline === previous.timeline;
  session.output('got_seqno', link.seqno);
  session.output('same_context_as_prev', previous === null ? null : goesOn);
  session.output('prev_seqno', goesOn ? previous.seqno : 0);
  return containers.add(link);
}

/** @param {Session} session @param {Step} step */
export function findSeqno(session, { args }) {
  const { containers } = session;
  const plain = args['on'] === null ? nothing() : session.fences.get(session.fences.only);
  const head = /** @type {Link} */ ('on' in args ? plain : containers.links.at(-1));
  session.output('found', null);
  const found = head.findSeqno(Number(args['seqno']));
  session.output('found', found === null ? null : containers.nameOf(found));
  return 0;
}

/** @param {Session} session @param {Step} step */
export function unwrapMerge(session, { args }) {
  const { containers, fences } = session;
  const given = /** @type {(string | null)[]} */ (args['in']);
  // What is null is nothing: here it is left out.
  const parts = given.filter((name) => name !== null).map((name) => containers.get(name));
  const merged = Fence.merge(...parts);
  containers.merged = merged;
  const all = parts.flatMap((part) => [part, ...part.leaves]);
  const last = Math.max(0, ...all.map(({ timestamp }) => timestamp ?? 0));
  const contexts = merged.leaves.map(({ timeline }) => timeline);
  session.output('is_the_fence_itself', parts.includes(merged));
  session.output('is_the_array_itself', parts.includes(merged));
  session.output('sorted_by_context', isSorted(contexts));
  session.output('timestamp_is_the_last', merged.timestamp === last);
  session.output('status', statusOf(merged));
  session.output('all', stateOf(fences.all.map((name) => fences.get(name))));
  for (const name of fences.all) session.output(name, stateOf([fences.get(name)]));
  return merged instanceof FenceSet ? containers.add(merged) : containers.nameOf(merged);
}

/** @param {readonly number[]} numbers */
const isSorted = (numbers) =>
  numbers.every((each, place) => place === 0 || each > Number(numbers[place - 1]));

/** @param {readonly Point[]} points */
const stateOf = (points) => (points.every((point) => point.signaled) ? 'signaled' : 'pending');

/** @param {AnyFence} fence @returns {string | number} */
function statusOf({ signaled, error }) {
  if (!signaled) return 0;
  return error === null ? 1 : `-${error}`;
}

/** The number of its error; null: it is not over, and has none yet. @param {AnyFence} fence @returns {number | null} */
function rawError({ signaled, error }) {
  if (!signaled) return null;
  return error === null ? 0 : -Number(NUMBERS[error]);
}

// --------------------------------------------------------------------------------------------- looking

/** @param {Session} session @returns {AnyFence} */
function lastOf({ containers }) {
  if (containers.last === null) throw new RangeError('there is no container');
  return containers.last;
}

/** The bit first: a look may signal. @param {Session} session */
function lookAtArray(session) {
  const { containers } = session;
  const array = lastOf(session);
  const bit = containers.bitOf(array);
  const before = bit ? rawError(array) : null;
  const { signaled } = array;
  return {
    signaled_bit_before: bit,
    raw_error_before: before,
    is_signaled: signaled,
    status: statusOf(array),
    signaled_bit_after: containers.bitOf(array),
    raw_error_after: rawError(array),
    num_pending: undefined,
  };
}

/** @param {Session} session */
function lookAtChains({ containers }) {
  const { links } = containers;
  const bit = () => containers.bitOf(/** @type {Link} */ (links.at(-1)));
  const before = bit();
  const signaled = links.map((link) => link.signaled);
  return {
    head_signaled_bit_before: before,
    is_signaled: signaled,
    head_signaled_bit_after: bit(),
  };
}

/** Are all points of it of the context of "f"? @param {Session} session @param {Entry} entry */
function matchContext({ containers, fences }, entry) {
  const { timeline } = fences.get(fences.only);
  const asked = Object.keys(entry).filter((name) => name !== 'observe');
  const matches = (/** @type {string} */ name) =>
    containers.get(name).leaves.every((leaf) => leaf.timeline === timeline);
  return Object.fromEntries(asked.map((name) => [name, matches(name)]));
}

/** @param {Session} session */
function names(session) {
  const last = lastOf(session);
  const [isArray, isChain] = [last instanceof FenceSet, last instanceof FenceChain];
  return { is_array: isArray, is_chain: isChain, is_container: isArray || isChain };
}

/** @param {Session} session @param {AnyFence} from @param {Entry} entry */
function element({ containers }, from, { index }) {
  const leaf = from.leaves[Number(index)];
  return { fence: leaf === undefined ? null : containers.nameOf(leaf), index };
}

/** @param {Session} session @param {Entry} entry @returns {AnyFence | null} */
const headIn = ({ containers }, { head }) => (head === null ? null : containers.get(head));

/** @param {Session} session @param {Entry} entry */
function walk(session, entry) {
  const head = headIn(session, entry);
  const nodes = head instanceof FenceChain ? [...head] : head === null ? [] : [head];
  return { head: entry['head'], nodes: session.containers.namesOf(nodes) };
}

/** @param {Session} session @param {Entry} entry */
function unwrap(session, entry) {
  const leaves = headIn(session, entry)?.leaves ?? [];
  return { head: entry['head'], fences: session.containers.namesOf(leaves) };
}

/** @typedef {(session: Session, entry: Entry) => Record<string, unknown>} Look */

/** @type {ReadonlyMap<string, Look>} */
const LOOKS = new Map(
  /** @type {[string, Look][]} */ ([
    ['raw_error', (session) => ({ value: rawError(lastOf(session)) })],
    ['array', lookAtArray],
    ['chains', lookAtChains],
    ['chain', (session) => ({ status: statusOf(lastOf(session)) })],
    ['error', (session) => ({ chain_error_not_taken_from_member: rawError(lastOf(session)) ?? 0 })],
    ['match_context', matchContext],
    ['array_for_each', (session, entry) => element(session, lastOf(session), entry)],
    [
      'array_for_each over a plain fence',
      (session, entry) => element(session, session.containers.get(entry['fence']), entry),
    ],
    ['names', names],
    [
      'merged',
      ({ containers: { merged } }) => ({ is_signaled: /** @type {AnyFence} */ (merged).signaled }),
    ],
  ]),
);

/** How to look at that; undefined: it is not about containers. Walks have names of their own. @param {Session} session @param {Entry} entry @returns {Look | undefined} */
export function lookFor({ containers }, entry) {
  if (!containers.used) return undefined;
  if ('nodes' in entry) return walk;
  if ('fences' in entry && 'head' in entry) return unwrap;
  return LOOKS.get(String(entry.observe));
}

/** @param {Session} session @returns {Fact[]} */
export function factsOf({ containers }) {
  const { last } = containers;
  if (last === null || last.error === null) return [];
  if (`-${last.error}` !== containers.firstError(last)) return [];
  return containers.failedBefore > 1 ? ['first error', 'several failed before'] : ['first error'];
}
