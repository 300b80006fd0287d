// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/sync-file — sync files: merging, asking, polling; the fences of a buffer as a sync file, and back.
 *
 * The recorder says in words which file it passes: of a fence, or what is no sync file.
 */

import { Fence, numbers, SyncFile } from '../built.mjs';
import { isStub } from '../fences.mjs';
import { Refusal } from '../numbers.mjs';
import { withFile } from './file.mjs';

/** @import {AnyFence} from '../../../src/fence/index.js' */
/** @import {SyncFile as File, SyncFenceInfo, SyncStatus} from '../../../src/sync/index.js' */
/** @import {Session} from '../session.mjs' */
/** @import {Entry, Step} from '../types.js' */

const { DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE } = numbers;

/** The sync files of a scenario. */
export class SyncFiles {
  /** By the name of their fence, or what they were merged to. @type {Map<string, File>} */
  #named = new Map();
  /** What was exported, with the name that its fence had then. @type {{ readonly file: File, readonly name: string }[]} */
  exported = [];
  /** What was last asked for, and has not been looked at. @type {SyncFenceInfo[]} */
  infos = [];

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
  }

  /** @param {string} name @param {() => File} make @returns {File} */
  #keep(name, make) {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const made = make();
    this.#named.set(name, made);
    return made;
  }

  /** The sync file of a fence. @param {string} name @returns {File} */
  of(name) {
    const { session } = this;
    const domain = { name: 'conform', agent: 'main', syncFiles: session.rooms.syncFiles };
    const make = () => SyncFile.create(domain, fenceNamed(session, name), name);
    return this.#keep(name, make);
  }

  /** @param {string} name @param {File} file */
  put(name, file) {
    this.#named.get(name)?.close();
    this.#named.set(name, file);
  }

  /** What a step calls "f", "f again", "f, signaled", "sync file of f", or something that is none. @param {unknown} words @returns {any} */
  called(words) {
    const said = String(words).replace(/^sync file of /, '');
    const known = this.#named.get(said);
    if (known !== undefined) return known;
    const name = /^(array\([\w,]*\)|\w+)/.exec(said)?.[1] ?? '';
    const parts = /^array\((.*)\)$/.exec(name)?.[1]?.split(',') ?? [name];
    const { fences } = this.session;
    if (!parts.every((part) => fences.all.includes(part))) return null;
    if (said.endsWith(', signaled')) for (const part of parts) fences.signalOnce(part);
    return this.of(name);
  }

  /** The same, where it has to be one. @param {unknown} words @returns {File} */
  asked(words) {
    const file = this.called(words);
    if (file === null) throw new RangeError(`there is no sync file ${String(words)}`);
    return file;
  }

  /** Gives back all of them. */
  close() {
    for (const file of this.#named.values()) file.close();
    for (const { file } of this.exported) file.close();
  }
}

/** @param {Session} session @param {string} name @returns {AnyFence} */
function fenceNamed({ fences }, name) {
  const parts = /^array\((.*)\)$/.exec(name)?.[1]?.split(',');
  return parts === undefined ? fences.get(name) : Fence.all(parts.map((part) => fences.get(part)));
}

/** @param {Session} session @param {AnyFence} fence */
const nameOf = ({ fences }, fence) => (isStub(fence) ? 'stub' : fences.nameOf(fence));

/** @param {SyncStatus} status @returns {number | string} */
const numberOf = (status) => (typeof status === 'string' ? `-${status}` : status);

// --------------------------------------------------------------------------------------------- buffers

/** Flags, and a sync file; a bad pointer points to nothing. @param {Session} session @param {Step} step @returns {any} */
function argumentIn({ syncFiles }, { args }) {
  const { flags, fd, pointer } = args;
  return pointer === undefined ? { flags, fd: syncFiles.called(fd) } : undefined;
}

/** @param {Session} session @param {Step} step */
export function exportFrom(session, step) {
  const argument = argumentIn(session, step);
  session.output('fd', 'untouched');
  session.output('fence', null);
  session.output('signaled', null);
  return withFile(session, step, async (buffer) => {
    const done = await buffer.ioctl(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, argument);
    const file = argument.fd;
    const name = String(nameOf(session, file.fence));
    session.syncFiles.exported.push({ file, name });
    session.output('fd', 'fd');
    session.output('fence', name);
    session.output('signaled', file.poll());
    return done;
  });
}

/** @param {Session} session @param {Step} step */
export function importInto(session, step) {
  const argument = argumentIn(session, step);
  return withFile(session, step, (buffer) =>
    buffer.ioctl(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, argument),
  );
}

// --------------------------------------------------------------------------------------------- sync files

/** Of the first two fences. @param {Session} session @param {Step} step */
export function merge({ syncFiles, fences }, { args }) {
  if (args['flags'] !== undefined) throw new Refusal('merging has no flags');
  const [first, second] = fences.all;
  const one = syncFiles.of(first ?? 'a');
  const other = args['fd2'] === undefined ? syncFiles.of(second ?? 'b') : args['fd2'];
  syncFiles.put('merged', one.merge(/** @type {any} */ (other), 'merged'));
  return 0;
}

/** @param {Session} session @param {Step} step */
export function fileInfo(session, { args }) {
  const { syncFiles } = session;
  const file = syncFiles.asked(args['file']);
  const { count } = file.info();
  const { status, fences } = file.info({ fences: count });
  session.output('status', numberOf(status));
  session.output('num_fences', count);
  syncFiles.infos = [...fences];
  return 0;
}

/** @param {Session} session @param {Step} step */
export function poll({ syncFiles }, { args }) {
  const file = syncFiles.asked(args['file']);
  return file.poll() ? 'IN' : '';
}

// --------------------------------------------------------------------------------------------- what was looked at

/** A fence of what was asked for last. @param {Session} session */
export function nextInfo({ syncFiles }) {
  const info = syncFiles.infos.shift();
  if (info === undefined) return {};
  const { timeline, driver, status, timestamp } = info;
  return {
    obj_name: timeline,
    driver_name: driver,
    status: numberOf(status),
    timestamp_set: timestamp !== null,
  };
}

/** @param {Session} session @param {File} file */
const state = (session, file) => ({
  fence: nameOf(session, file.fence),
  signaled: file.poll(),
  status: numberOf(file.status),
});

/** What was exported when its fence was this. @param {Session} session @param {Entry} entry */
export function snapshotOf(session, entry) {
  const { exported } = session.syncFiles;
  const found = exported.findLast(({ name }) => name === entry['fence']);
  return found === undefined ? {} : state(session, found.file);
}

/** @param {Session} session */
export const merged = (session) => state(session, session.syncFiles.asked('merged'));
