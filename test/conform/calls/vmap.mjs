// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/vmap — the mapping that all CPU accesses of a buffer share: here it comes with an access, and goes with the last.
 */

import { Refusal } from '../numbers.mjs';

/** @import {Export} from '../../../src/buf/export.js' */
/** @import {Buffer, Session} from '../session.mjs' */
/** @import {Step} from '../types.js' */

/** @returns {any} */
const nothing = () => null;

/** How many share it now. @param {Session} session @param {Buffer} buffer @returns {number} */
export function sharers({ rooms }, { handle }) {
  const port = rooms.buffers.exports.reach('conform', handle);
  return /** @type {Export<unknown>} */ (port).shared?.count ?? 0;
}

/** @param {Session} session @param {Step} step */
export async function dmaBufVmap(session, step) {
  const { dmabuf } = step.args;
  if (dmabuf === null) return nothing().cpuAccess('read-write');
  const buffer = session.bufferOf(step);
  const { signal } = session.interrupt;
  session.output('vmapping_counter', sharers(session, buffer));
  const access = await buffer.handle.cpuAccess('read-write', { signal });
  const { bytes } = buffer.vmaps[0] ?? access;
  const same = access.bytes.buffer === bytes.buffer && access.bytes.byteOffset === bytes.byteOffset;
  buffer.vmaps.push(access);
  session.output('same_address', same);
  session.output('vmapping_counter', sharers(session, buffer));
  return 0;
}

/** @param {Session} session @param {Step} step */
export async function dmaBufVunmap(session, step) {
  const { dmabuf } = step.args;
  if (dmabuf === null) return nothing().end();
  const buffer = session.bufferOf(step);
  const access = buffer.vmaps.pop();
  if (access === undefined) throw new Refusal('there is no access to end');
  access.end();
  // Its end takes the lock in the background.
  await session.rooms.buffers.idle();
  session.output('vmapping_counter', sharers(session, buffer));
  session.output('vmap_ptr_null', sharers(session, buffer) === 0);
  return null;
}
