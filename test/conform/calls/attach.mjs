// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/attach — attach, map, pin, move: what importers and exporters ask for.
 *
 * Who holds the lock in the trace holds it here; who does not, shows one that he held before.
 */

import { Attachment, makeDevice } from '../built.mjs';
import { Refusal } from '../numbers.mjs';
import { tableName } from './export.mjs';

/** @import {DynamicMapping, Mapping} from '../../../src/buf/index.js' */
/** @import {ResvLock} from '../../../src/resv/index.js' */
/** @import {Buffer, Import, Session} from '../session.mjs' */
/** @import {Step} from '../types.js' */

const DIRECTIONS = new Map([
  ['TO_DEVICE', 'to-device'],
  ['FROM_DEVICE', 'from-device'],
  ['BIDIRECTIONAL', 'bidirectional'],
  ['NONE', 'none'],
]);

/** @param {Step} step @returns {any} one of ours, or what is none */
function directionOf({ args }) {
  const direction = DIRECTIONS.get(args.dir ?? 'none');
  if (direction === undefined) throw new RangeError(`unknown direction ${args.dir}`);
  return direction;
}

/** @param {Mapping | DynamicMapping} mapping */
const nameOf = (mapping) => tableName(mapping.mapped.sources);

/** Who calls with nothing calls no method of anything. @param {Step} step @param {...string} names */
function isNothing({ args }, ...names) {
  return names.some((name) => args[name] === null);
}

/** @returns {any} */
const nothing = () => null;

// --------------------------------------------------------------------------------------------- attach, detach

/** @param {Session} session @param {Step} step @param {boolean} dynamic @returns {Promise<string>} */
async function attach(session, step, dynamic) {
  const { args } = step;
  if (isNothing(step, 'dmabuf', 'buf')) return nothing().attach('device');
  const buffer = session.bufferOf(step);
  const { signal } = session.interrupt;
  const number = args.attachment ?? 0;
  const caps = { peerToPeer: args.allow_peer2peer === true };
  const named = args.dev === undefined ? 'oracle.0' : args.dev;
  const device = named === null ? nothing() : makeDevice('conform', named, caps);
  const moveNotify = () => {
    const lock = session.lockState(buffer.resv, null);
    session.happen({ op: 'move_notify', buf: buffer.name, attachment: number, ...lock });
  };
  const importer = /** @type {any} */ (args.importer_ops === undefined ? { moveNotify } : {});
  // Without any callbacks it is a static importer.
  const handle =
    dynamic && args.importer_ops !== null
      ? await buffer.handle.dynamicAttach(device, importer, { signal })
      : await buffer.handle.attach(device, { signal });
  session.imports.set(`${buffer.name}/${number}`, {
    number,
    of: buffer,
    dynamic,
    handle,
    mappings: [],
    pins: [],
  });
  return `att${number}`;
}

/** @param {Session} session @param {Step} step */
export const dmaBufAttach = (session, step) => attach(session, step, false);
/** @param {Session} session @param {Step} step */
export const dmaBufDynamicAttach = (session, step) => attach(session, step, true);

/** @param {Session} session @param {Step} step */
export async function dmaBufDetach(session, step) {
  if (isNothing(step, 'attach', 'dmabuf')) return nothing().detach();
  await session.importOf(step).handle.detach();
  return null;
}

// --------------------------------------------------------------------------------------------- map, unmap

/** What the thread shows for the lock. @param {Session} session @param {Step} step @param {Buffer} buffer @returns {Promise<ResvLock>} */
function shownLock(session, { args }, { resv }) {
  return args.caller_holds_resv === false ? session.staleLock(resv) : session.lock(resv);
}

/** A static importer shows no lock, but may hold it. @param {Session} session @param {Step} step @param {Buffer} buffer */
async function callerLock(session, { args }, { resv }) {
  if (args.caller_holds_resv === true) await session.lock(resv);
  else session.unlock(resv);
}

/** @param {Session} session @param {Step} step */
export async function dmaBufMapAttachment(session, step) {
  if (isNothing(step, 'attach')) return nothing().map('to-device');
  const { signal } = session.interrupt;
  const direction = directionOf(step);
  const { handle, of, mappings } = session.importOf(step);
  let mapping;
  if (handle instanceof Attachment) {
    await callerLock(session, step, of);
    mapping = await handle.map(direction, { signal });
  } else {
    const lock = await shownLock(session, step, of);
    mapping = await handle.map(lock, direction, { signal });
  }
  mappings.push(mapping);
  return nameOf(mapping);
}

/** The mapping of that name. @param {Import} of @param {Step} step */
function mappingOf({ mappings }, { args }) {
  const found =
    args.sgt === undefined
      ? mappings.at(-1)
      : mappings.find((mapping) => nameOf(mapping) === args.sgt);
  // What was refused here was mapped in Linux: there is nothing to unmap.
  if (found === undefined) throw new Refusal(`${args.sgt} was not mapped`);
  return found;
}

/** @param {Session} session @param {Step} step */
export async function dmaBufUnmapAttachment(session, step) {
  if (isNothing(step, 'attach', 'sgt')) return nothing().unmap();
  const from = session.importOf(step);
  const { handle, of, mappings } = from;
  const mapping = mappingOf(from, step);
  if (handle instanceof Attachment) {
    await callerLock(session, step, of);
    /** @type {Mapping} */ (mapping).unmap();
  } else {
    const lock = await shownLock(session, step, of);
    /** @type {DynamicMapping} */ (mapping).unmap(lock);
  }
  mappings.splice(mappings.lastIndexOf(mapping), 1);
  return null;
}

/** The helper that takes the lock itself: by somebody who takes it, calls, and drops it. @param {Step} step @returns {Step} */
const locking = (step) =>
  isNothing(step, 'attach') ? step : { ...step, args: { ...step.args, caller_holds_resv: true } };

/** @param {Session} session @param {Step} step */
export function dmaBufMapAttachmentUnlocked(session, step) {
  return dmaBufMapAttachment(session, locking(step)).finally(() => {
    if (!isNothing(step, 'attach')) session.unlock(session.importOf(step).of.resv);
  });
}

/** @param {Session} session @param {Step} step */
export function dmaBufUnmapAttachmentUnlocked(session, step) {
  return dmaBufUnmapAttachment(session, locking(step)).finally(() => {
    if (!isNothing(step, 'attach')) session.unlock(session.importOf(step).of.resv);
  });
}

// --------------------------------------------------------------------------------------------- pin, unpin, move

/** @param {Session} session @param {Step} step */
export async function dmaBufPin(session, step) {
  if (isNothing(step, 'attach')) return nothing().pin();
  const { handle, of, pins } = session.importOf(step);
  if (handle instanceof Attachment) {
    await callerLock(session, step, of);
    throw new Refusal('a static importer has no pin()');
  }
  const lock = await shownLock(session, step, of);
  pins.push(await handle.pin(lock, { signal: session.interrupt.signal }));
  return 0;
}

/** @param {Session} session @param {Step} step */
export async function dmaBufUnpin(session, step) {
  if (isNothing(step, 'attach')) return nothing().unpin();
  const { handle, of, pins } = session.importOf(step);
  if (handle instanceof Attachment) {
    await callerLock(session, step, of);
    throw new Refusal('a static importer has no pin()');
  }
  const lock = await shownLock(session, step, of);
  const pin = pins.at(-1);
  if (pin === undefined) throw new Refusal('nothing is pinned');
  pin.unpin(lock);
  pins.pop();
  return null;
}

/** @param {Session} session @param {Step} step */
export async function dmaBufMoveNotify(session, step) {
  if (isNothing(step, 'dmabuf', 'buf')) return nothing().moveNotify();
  const buffer = session.bufferOf(step);
  const lock = await shownLock(session, step, buffer);
  const { handle } = buffer;
  if (!('moveNotify' in handle)) throw new Refusal('a static exporter has no moveNotify()');
  await /** @type {any} */ (handle).moveNotify(lock);
  return null;
}

// --------------------------------------------------------------------------------------------- what was looked at

/** The mapping that an attachment keeps. @param {Session} session @param {Import} from */
async function kept(session, { handle, of }) {
  if (!handle.cached) return null;
  if (!(handle instanceof Attachment)) {
    const held = session.held(of.resv) !== null;
    const mapping = handle.tryMap(await session.lock(of.resv), 'to-device');
    if (!held) session.unlock(of.resv);
    return mapping;
  }
  // It answers EBUSY in the one direction that it does not serve.
  for (const direction of /** @type {const} */ (['to-device', 'from-device'])) {
    try {
      return handle.tryMap(direction);
    } catch {}
  }
  return null;
}

/** @param {Session} session @param {Import} from */
export async function attachmentState(session, from) {
  const mapping = await kept(session, from);
  const dir = mapping?.direction.toUpperCase().replace('-', '_') ?? null;
  return {
    attachment: from.number,
    cached_sgt: mapping === null ? null : nameOf(mapping),
    cached_dir: dir,
    peer2peer: from.handle.device.caps.peerToPeer,
  };
}
