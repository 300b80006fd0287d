// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/bufinfo — the text of bufinfo, line by line.
 *
 * Columns that tell of the kernel's files are no contract: how a file was opened, how often it is referred to, its inode.
 */

import { bufinfo as text } from './built.mjs';

/** @import {Session} from './session.mjs' */
/** @import {Entry} from './types.js' */

/** Of a buffer's line: size, flags, mode, count, exporter, inode, name. */
const COMPARED = [0, 4, 6];
const BUFFER = /^\d{8}\t/;

/** @param {string} line */
function comparable(line) {
  if (!BUFFER.test(line)) return line;
  const columns = line.split('\t');
  return COMPARED.map((column) => columns[column]).join('\t');
}

/** The blank line before a buffer, or before the total, ends what is said of the one before. */
const BLOCKS = /\n(?=\d{8}\t|\nTotal)/;
const TOTAL = /^Total (\d+) objects, (\d+) bytes$/;

/** Without what our exporters hand out: their memory is buffers of the heap, that of the recorder is none. @param {string} said */
function withoutHomes(said) {
  const blocks = said.split(BLOCKS);
  const homes = blocks.filter(
    (block) => block.startsWith('0') && block.split('\t')[4] === 'system',
  );
  const bytes = homes.reduce((sum, block) => sum + Number.parseInt(block, 10), 0);
  const others = blocks.filter((block) => !homes.includes(block)).join('\n');
  return others.split('\n').map((line) => {
    const [, objects, all] = TOTAL.exec(line) ?? [];
    if (objects === undefined) return line;
    return `Total ${Number(objects) - homes.length} objects, ${Number(all) - bytes} bytes`;
  });
}

/** The text is read now; its lines are compared one by one. @param {Session} session @param {Entry} _entry */
export async function bufinfo(session, _entry) {
  session.lines = withoutHomes(await text(session.rooms, {}));
  return null;
}

/** A device of a buffer: what follows "Attached Devices:". */
const DEVICE = /^\t[^\t:]+$/;

/** Is it a device of the buffer that is being described? @param {Session} session @param {string} line */
export function isNamedElsewhere({ read, lines }, line) {
  if (!DEVICE.test(line)) return false;
  const before = read.slice(read.lastIndexOf('\tAttached Devices:') + 1);
  const after = lines.slice(
    0,
    lines.findIndex((each) => !DEVICE.test(each)),
  );
  return [...before, ...after].includes(line);
}

/** @param {Session} session @param {Entry} entry */
export function bufinfoLine(session, entry) {
  const expected = String(entry['text']);
  const actual = session.lines.shift() ?? 'the end of the text';
  session.read.push(actual);
  if (comparable(expected) === comparable(actual)) return { text: expected };
  return { text: actual };
}

/** What is said of single fences: their line in bufinfo, where they are of a buffer. @param {Session} session @param {Entry} _entry */
export async function described(session, _entry) {
  const { rooms, fences } = session;
  const buf = rooms.system.alloc(4096);
  const [name = 'timeline0'] = fences.all;
  const lock = await buf.resv.lock();
  lock.reserve(1);
  lock.add(fences.get(name), 'write');
  lock.unlock();
  const line = async () =>
    (await text(rooms, {})).split('\n').find((each) => each.includes('fence:')) ?? '';
  const before = await line();
  fences.signal(name);
  const after = await line();
  buf.close();
  const plain = (/** @type {string} */ said) => said.replace(/^\t\w+ fence:/, '');
  return { text: `${plain(before)}\n${plain(after)}\n` };
}
