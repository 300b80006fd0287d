// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/cpu — begin and end of CPU access.
 */

import { Refusal } from '../numbers.mjs';

/** @import {Session} from '../session.mjs' */
/** @import {Step} from '../types.js' */

const INTENTS = new Map([
  ['FROM_DEVICE', 'read'],
  ['TO_DEVICE', 'write'],
  ['BIDIRECTIONAL', 'read-write'],
  ['NONE', 'none'],
]);

/** @param {Step} step @returns {any} one of ours, or what is none */
function intentOf({ args }) {
  const intent = INTENTS.get(args.dir ?? 'NONE');
  if (intent === undefined) throw new RangeError(`unknown direction ${args.dir}`);
  return intent;
}

/** @param {Step} step */
const isNothing = ({ args }) => args['dmabuf'] === null || args['buf'] === null;

/** @returns {any} */
const nothing = () => null;

/** @param {Session} session @param {Step} step */
export async function dmaBufBeginCpuAccess(session, step) {
  if (isNothing(step)) return nothing().cpuAccess('read');
  const { handle, accesses } = session.bufferOf(step);
  const { signal } = session.interrupt;
  accesses.push(await handle.cpuAccess(intentOf(step), { signal }));
  return 0;
}

/** @param {Session} session @param {Step} step */
export function dmaBufEndCpuAccess(session, step) {
  if (isNothing(step)) return nothing().end();
  const intent = intentOf(step);
  const { accesses } = session.bufferOf(step);
  const at = accesses.findLastIndex((access) => access.intent === intent);
  const [access] = at < 0 ? [] : accesses.splice(at, 1);
  if (access === undefined) throw new Refusal(`no access for "${intent}" was begun`);
  access.end();
  return 0;
}
