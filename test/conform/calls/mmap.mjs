// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/mmap — mapping the file of a buffer, and a buffer in the place of an importer's file.
 */

import { mmapBuffer, numbers } from '../built.mjs';
import { Refusal } from '../numbers.mjs';
import { withFile } from './file.mjs';

/** @import {Buffer, Session} from '../session.mjs' */
/** @import {Step} from '../types.js' */

const { PAGE_SIZE, PROT_READ, PROT_WRITE } = numbers;

/** @param {unknown} prot "rw" */
function protIn(prot) {
  const text = typeof prot === 'string' ? prot : 'rw';
  return (text.includes('r') ? PROT_READ : 0) | (text.includes('w') ? PROT_WRITE : 0);
}

/** @param {Session} session @param {Step} step */
export async function mmap(session, step) {
  const { length, offset, prot } = step.args;
  const { mappings } = session.bufferOf(step);
  await withFile(session, step, async (file) => {
    mappings.push(await file.mmap(Number(offset), Number(length), protIn(prot)));
  });
  return 'addr';
}

/** @param {Session} session @param {Step} step */
export function munmap(session, step) {
  const { mappings } = session.bufferOf(step);
  const { length } = step.args;
  const bytes = Math.ceil(Number(length) / PAGE_SIZE) * PAGE_SIZE;
  const at = mappings.findLastIndex(({ size }) => size === bytes);
  const [mapping] = at < 0 ? [] : mappings.splice(at, 1);
  if (mapping === undefined) throw new Refusal(`${bytes} bytes are not mapped`);
  mapping.munmap();
  return 0;
}

/** @param {Session} session @param {Step} step */
export async function dmaBufMmap(session, step) {
  const { pgoff, vma_pages: pages, dmabuf, buf } = step.args;
  const nothing = dmabuf === null || buf === null;
  session.output('vma_file_is_buf', false);
  session.output('vm_pgoff', 0);
  session.importerMap = null;
  try {
    const handle = nothing ? /** @type {any} */ (null) : session.bufferOf(step).handle;
    const mapping = await mmapBuffer(handle, BigInt(String(pgoff)), Number(pages));
    session.bufferOf(step).mappings.push(mapping);
    session.output('vma_file_is_buf', true);
    session.output('vm_pgoff', mapping.offset / PAGE_SIZE);
  } catch (error) {
    session.importerMap = { error };
    throw error;
  }
  return 0;
}

/** The call of the program whose inner half has been replayed: it returns what that gave. @param {Session} session */
export function mmapOfImporter({ importerMap }) {
  if (importerMap !== null) throw importerMap.error;
  return 'addr';
}

// --------------------------------------------------------------------------------------------- what was looked at

/** @param {number | undefined} byte */
const letter = (byte) => ({ value: String.fromCharCode(byte ?? 0) });

/** @param {Session} session @returns {Buffer} */
const mapped = ({ buffers }) => {
  const found = [...buffers.values()].find(({ mappings }) => mappings.length > 0);
  if (found === undefined) throw new RangeError('nothing is mapped');
  return found;
};

/** @param {Session} session */
export const firstByte = (session) => letter(mapped(session).mappings.at(-1)?.bytes[0]);

/** The program writes, and the exporter looks at its own memory. @param {Session} session @param {import('../types.js').Entry} entry */
export function exporterSees(session, entry) {
  const { mappings, memory } = mapped(session);
  mappings.at(-1)?.bytes.fill(String(entry['value']).charCodeAt(0), 0, 1);
  return letter(memory()[0]);
}
