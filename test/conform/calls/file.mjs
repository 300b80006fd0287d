// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/file — descriptors, references, lseek and the commands of a buffer's file.
 *
 * A descriptor is a DmaBufFile here. The recorder goes on with a buffer that only a descriptor holds: the handle that its calls are made
 * through is closed with the last of its references and descriptors.
 */

import { DmaBufFile, numbers } from '../built.mjs';

/** @import {DmaBufFile as File} from '../../../src/file/index.js' */
/** @import {Buffer, Session} from '../session.mjs' */
/** @import {Args, Step} from '../types.js' */

/** What is no file of a buffer, in the recorder's words. */
const OTHER = /other|kind|not a dma-buf/;

// --------------------------------------------------------------------------------------------- references

/** @param {Buffer} buffer */
function closeLast({ handle, owned, references, files }) {
  if (!owned && references.length === 0 && files.size === 0) handle.close();
}

/** One of the caller's references is gone. @param {Buffer} buffer */
function putOne(buffer) {
  const reference = buffer.references.pop();
  if (reference === undefined) buffer.owned = false;
  else reference.close();
  closeLast(buffer);
}

/** @param {Session} session @param {Step} step */
export async function dmaBufPut(session, step) {
  const { args } = step;
  if (args.buf === null || args.dmabuf === null) return /** @type {any} */ (null).close();
  const buffer = session.bufferOf(step);
  session.unlock(buffer.resv);
  putOne(buffer);
  return null;
}

/** @param {Session} session @param {Step} step */
export function getDmaBuf(session, step) {
  const { references, handle } = session.bufferOf(step);
  references.push(handle.dup());
  return null;
}

/** The caller's reference becomes that of the descriptor. @param {Session} session @param {Step} step */
export function dmaBufFd(session, step) {
  if (step.args.buf === null) return DmaBufFile.open(/** @type {any} */ (null));
  const buffer = session.bufferOf(step);
  const { files, handle } = buffer;
  const name = String(step.ret);
  files.set(name, DmaBufFile.open(handle));
  putOne(buffer);
  return name;
}

/** The open one of that name; of several, the first. @param {Session} session @param {unknown} name */
function opened({ buffers }, name) {
  for (const buffer of buffers.values()) {
    const known = buffer.files.has(String(name)) ? String(name) : undefined;
    const found = known ?? [...buffer.files.keys()].find((each) => each.startsWith(String(name)));
    const file = found === undefined ? undefined : buffer.files.get(found);
    if (found !== undefined && file !== undefined) return { buffer, file, name: found };
  }
  return null;
}

/** @param {Session} session @param {Step} step */
export function dmaBufGet(session, { args: { fd } }) {
  const found = opened(session, fd);
  if (found === null) {
    const file = OTHER.test(String(fd)) ? {} : session.closed;
    return DmaBufFile.get(/** @type {any} */ (file));
  }
  const { buffer, file } = found;
  buffer.references.push(DmaBufFile.get(file));
  return buffer.name;
}

/** @param {Session} session @param {Step} step */
export function close(session, { args: { fd } }) {
  const found = opened(session, fd);
  if (found === null) return DmaBufFile.get(session.closed);
  const { buffer, file, name } = found;
  file.close();
  session.closed = file;
  buffer.files.delete(name);
  closeLast(buffer);
  return 0;
}

/** Through a file of its own, which is closed when the call has returned. @template T @param {Session} session @param {Step} step @param {(file: File) => T | Promise<T>} call */
export async function withFile(session, step, call) {
  const file = DmaBufFile.open(session.bufferOf(step).handle);
  try {
    return await call(file);
  } finally {
    file.close();
  }
}

// --------------------------------------------------------------------------------------------- lseek, ioctl

/** A number, or the name of one. @param {unknown} value @param {string} [prefix] */
function numberOf(value, prefix = '') {
  if (typeof value === 'number') return value;
  const named = /** @type {Record<string, unknown>} */ (numbers)[prefix + String(value)];
  return typeof named === 'number' ? named : Number(value);
}

/** @param {Session} session @param {Step} step */
export function llseek(session, step) {
  const { offset, whence } = step.args;
  return withFile(session, step, (file) => file.seek(Number(offset), numberOf(whence)));
}

/** Bits of a command: its direction, and the size of its argument, which is that of a pointer unless it says so. */
const DIRECTIONS = /** @type {Record<string, number>} */ ({ '': 0, W: 1, R: 2, WR: 3 });
const POINTER = 8;

/** "_IOW(b,9)", a name, or a number. @param {Args} args */
function commandIn({ cmd }) {
  const command = /^_IO(|W|R|WR)\((\w), ?(\d+)\)$/.exec(String(cmd));
  if (command === null) return numberOf(cmd);
  const [, kind = '', type = '', nr] = command;
  const size = kind === '' ? 0 : POINTER;
  const direction = DIRECTIONS[kind] ?? 0;
  return ((direction << 30) | (size << 16) | (type.charCodeAt(0) << 8) | Number(nr)) >>> 0;
}

/** Is it a number that somebody may send? @param {Args} args */
export const isCommand = (args) => Number.isInteger(commandIn(args));

/** "START|READ", or a number. @param {unknown} flags */
function flagsIn(flags) {
  if (typeof flags !== 'string' || /^-?\w*\d/.test(flags)) return Number(flags);
  return flags.split('|').reduce((sum, flag) => sum | numberOf(flag, 'DMA_BUF_SYNC_'), 0);
}

/** @param {Args} args @returns {any} what the command is given; nothing for a bad pointer */
function argumentIn(args) {
  if (args['pointer'] !== undefined) return undefined;
  return args.name ?? { flags: flagsIn(args['flags']) };
}

/** @param {Session} session @param {Step} step */
export function ioctl(session, step) {
  const { args } = step;
  const { signal } = session.interrupt;
  return withFile(session, step, async (file) => {
    try {
      return await file.ioctl(commandIn(args), argumentIn(args), { signal });
    } catch (error) {
      session.refusedName = args.name ?? session.refusedName;
      throw error;
    }
  });
}

// --------------------------------------------------------------------------------------------- what was looked at

/** @param {Session} session */
const onlyFile = ({ buffers }) => {
  const [first] = buffers.values();
  if (first === undefined) throw new RangeError('there is no buffer');
  return DmaBufFile.open(first.handle);
};

/** How often the kernel refers to its own file is its own business. */
const COUNT = /^count:\t\d+$/m;

/** @param {Session} session @param {import('../types.js').Entry} entry */
export function nameAndTexts(session, entry) {
  const file = onlyFile(session);
  const [counted = ''] = COUNT.exec(String(entry['fdinfo'])) ?? [];
  const path = file.dname();
  const fdinfo = file.fdinfo().replace(COUNT, counted);
  file.close();
  const [buffer] = session.buffers.values();
  return { name: buffer?.handle.name, path, fdinfo };
}

/** Nothing can be read back but where a seek to 0 leads. @param {Session} session */
export function position(session) {
  const file = onlyFile(session);
  const value = file.seek(0, numbers.SEEK_SET);
  file.close();
  return { value };
}

/** @param {Session} session */
export function distinct({ buffers }) {
  const files = [...buffers.values()].flatMap((buffer) => [...buffer.files.values()]);
  return { distinct: new Set(files).size === files.length };
}

/** Those of sync files are none of this file's. @param {import('../types.js').Entry} entry */
export function commandNumbers(entry) {
  const own = Object.keys(entry).filter((each) => each.startsWith('DMA_BUF_'));
  const hex = (/** @type {string} */ each) => `0x${numberOf(each).toString(16)}`;
  return { ...entry, ...Object.fromEntries(own.map((each) => [each, hex(each)])) };
}
