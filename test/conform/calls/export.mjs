// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/export — exporters that write down each callback, and answer what was recorded.
 */

import { numbers } from '../built.mjs';
import { thrownFor } from '../numbers.mjs';

/** @import {AttachmentInfo, CpuIntent, Direction, DmaBuf, SourceSegment} from '../../../src/buf/index.js' */
/** @import {HeldLock} from '../../../src/resv/index.js' */
/** @import {AnyOps} from '../../../src/buf/export.js' */
/** @import {Buffer, Session} from '../session.mjs' */
/** @import {Args, Step, TraceEvent} from '../types.js' */

const { PAGE_SIZE } = numbers;
const FIRST = 'A'.charCodeAt(0);
const DIRECTIONS = {
  'to-device': 'TO_DEVICE',
  'from-device': 'FROM_DEVICE',
  bidirectional: 'BIDIRECTIONAL',
};
const INTENTS = { read: 'FROM_DEVICE', write: 'TO_DEVICE', 'read-write': 'BIDIRECTIONAL' };

/** Numbers of attachments, by what their exporter sees of them. @type {WeakMap<object, number | string>} */
const known = new WeakMap();
/** Names of mapped tables, by what map returned. @type {WeakMap<object, string>} */
const tables = new WeakMap();

/** @param {object} sources @returns {string | undefined} */
export const tableName = (sources) => tables.get(sources);

/** What a callback does that was recorded to return this. @param {TraceEvent | null} recorded */
function answer(recorded) {
  const ret = recorded?.ret;
  if (typeof ret === 'string' && ret.startsWith('-')) throw thrownFor(ret);
  return ret;
}

/** The callbacks of one buffer. */
class Exporter {
  /** @type {Buffer | null} */
  buffer = null;
  #tables = 0;

  /** @type {DmaBuf | null} */
  #home = null;

  /** @param {Session} session @param {string} name @param {number} size */
  constructor(session, name, size) {
    this.session = session;
    this.name = name;
    this.size = size;
  }

  /** @param {string} op @param {{ held: boolean } | null | undefined} lock @param {Partial<TraceEvent>} more */
  #happen(op, lock, more) {
    const { session, buffer, name: buf } = this;
    if (buffer === null) throw new Error(`${op} was called before the buffer was there`);
    return session.happen({ op, buf, ...session.lockState(buffer.resv, lock), ...more });
  }

  /** @param {AttachmentInfo<Exporter>} att */
  #number(att) {
    const given = known.get(att);
    if (given !== undefined) return given;
    // The CPU's own attachment is not the recorder's (see cpuAccess).
    const number =
      att.device.name === 'cpu' ? 'cpu' : (this.session.step.args.attachment ?? 'none');
    known.set(att, number);
    return number;
  }

  /** @param {AttachmentInfo<Exporter>} att */
  attach(att) {
    const recorded = this.#happen('attach', null, {
      attachment: this.#number(att),
      attachment_dynamic: att.dynamic,
      peer2peer: att.device.caps.peerToPeer,
      dev: att.device.name,
      in_list: this.buffer !== null && this.session.listed(this.buffer) > this.buffer.listed,
    });
    answer(recorded);
  }

  /** @param {AttachmentInfo<Exporter>} att */
  detach(att) {
    this.#happen('detach', null, { attachment: this.#number(att) });
  }

  /** @param {AttachmentInfo<Exporter>} att @param {Direction} direction @param {HeldLock} [lock] */
  map(att, direction, lock) {
    const attachment = this.#number(att);
    const dir = DIRECTIONS[direction];
    const recorded = this.#happen('map', lock, { attachment, dir });
    const ret = answer(recorded);
    if (recorded !== null && ret === null) return /** @type {any} */ (null);
    this.#count('live_maps', 1);
    const sources = this.#memory;
    const name = typeof ret === 'string' ? ret : `unrecorded ${this.#tables}`;
    this.#tables++;
    tables.set(sources, name);
    return sources;
  }

  /**
   * @param {AttachmentInfo<Exporter>} att @param {readonly SourceSegment[]} sources
   * @param {Direction} direction @param {HeldLock} [lock]
   */
  unmap(att, sources, direction, lock) {
    this.#count('live_maps', -1);
    const [attachment, dir] = [this.#number(att), DIRECTIONS[direction]];
    this.#happen('unmap', lock, { attachment, dir, sgt: tableName(sources) });
  }

  /** @param {AttachmentInfo<Exporter>} att @param {HeldLock} lock */
  pin(att, lock) {
    const pins = (this.buffer?.counts.pins ?? 0) + 1;
    // A pin that fails has counted nothing.
    const event = { op: 'pin', attachment: this.#number(att) };
    const fails = this.session.willFail({ ...event, buf: this.name });
    const recorded = this.#happen('pin', lock, { ...event, pins: fails ? pins - 1 : pins });
    answer(recorded);
    this.#count('pins', 1);
  }

  /** @param {AttachmentInfo<Exporter>} att @param {HeldLock} lock */
  unpin(att, lock) {
    this.#count('pins', -1);
    const pins = this.buffer?.counts.pins;
    this.#happen('unpin', lock, { attachment: this.#number(att), pins });
  }

  /** @param {CpuIntent} intent */
  beginCpuAccess(intent) {
    answer(this.#happen('begin_cpu_access', null, { dir: INTENTS[intent] }));
  }

  /** @param {CpuIntent} intent */
  endCpuAccess(intent) {
    answer(this.#happen('end_cpu_access', null, { dir: INTENTS[intent] }));
  }

  /** @param {HeldLock} lock */
  vmap(lock) {
    answer(this.#happen('vmap', lock, {}));
    return this.#memory;
  }

  /** @param {HeldLock} lock */
  vunmap(lock) {
    this.#happen('vunmap', lock, {});
  }

  /** @param {{ offset: number, length: number }} range */
  mmap({ offset, length }) {
    const [pgoff, pages] = [offset / PAGE_SIZE, length / PAGE_SIZE];
    answer(this.#happen('mmap', null, { pgoff, pages, vma_file_is_buf: true }));
    return this.#memory.map(({ of }) => ({ of, offset, length }));
  }

  /** What programs see that map it. */
  bytes() {
    const [home] = this.#memory;
    const access = home?.of.tryCpuAccess('write');
    const bytes = access?.bytes ?? new Uint8Array(0);
    access?.end();
    return bytes;
  }

  release() {
    this.#happen('release', null, {});
    if (this.buffer !== null) this.buffer.released = true;
    this.#home?.close();
  }

  /** All of it, made for the first who asks. */
  get #memory() {
    if (this.#home === null) {
      this.#home = this.session.rooms.system.alloc(Math.max(this.size, 1));
      // Page 0 is full of "A", page 1 of "B".
      this.bytes().forEach((_, at, bytes) => {
        bytes[at] = FIRST + Math.floor(at / PAGE_SIZE);
      });
    }
    return [{ of: this.#home, offset: 0, length: this.size }];
  }

  /** @param {'pins' | 'live_maps'} what @param {1 | -1} by */
  #count(what, by) {
    if (this.buffer !== null) this.buffer.counts[what] += by;
  }
}

/** Optional callbacks are there if they were recorded: nothing else says so. @param {Session} session @param {Exporter} exporter @param {Args} args */
function opsOf(session, exporter, args) {
  const has = (/** @type {string} */ op) => session.mentions(op, exporter.name);
  const { attach_op: attaches = true, detach_op: detaches = true, dynamic = false } = args;
  /** @type {AnyOps<Exporter>} */
  const all = {
    attach: (att) => exporter.attach(att),
    detach: (att) => exporter.detach(att),
    map: (att, direction, lock) => exporter.map(att, direction, lock),
    unmap: (att, sources, direction, lock) => exporter.unmap(att, sources, direction, lock),
    pin: (att, lock) => exporter.pin(att, lock),
    unpin: (att, lock) => exporter.unpin(att, lock),
    beginCpuAccess: (_buf, intent) => exporter.beginCpuAccess(intent),
    endCpuAccess: (_buf, intent) => exporter.endCpuAccess(intent),
    vmap: (_buf, lock) => exporter.vmap(lock),
    vunmap: (_buf, _sources, lock) => exporter.vunmap(lock),
    mmap: (_buf, range) => exporter.mmap(range),
    release: () => exporter.release(),
  };
  const lacking = new Set(
    Object.entries({
      attach: attaches,
      detach: detaches,
      pin: dynamic,
      unpin: dynamic,
      beginCpuAccess: has('begin_cpu_access'),
      endCpuAccess: has('end_cpu_access'),
      vmap: has('vmap'),
      vunmap: has('vunmap'),
      mmap: has('mmap'),
    }).flatMap(([op, there]) => (there ? [] : [op])),
  );
  const ops = Object.fromEntries(Object.entries(all).filter(([op]) => !lacking.has(op)));
  return args.cache_sgt_mapping === true ? { ...ops, cacheMapping: true } : ops;
}

/** What an exporter lacks, or has too much of, in the recorder's words. @param {Record<string, unknown>} ops @param {string} words */
function spoil(ops, words) {
  const lacking = /^(\w+)/.exec(words)?.[1] ?? '';
  const names = { map_dma_buf: 'map', unmap_dma_buf: 'unmap', release: 'release' };
  const extras = [...words.matchAll(/\b(pin|unpin)\b/g)].map(([, op]) => String(op));
  const cached = words.includes('cache_sgt_mapping');
  const spoiled = { ...ops };
  for (const op of extras) spoiled[op] = () => {};
  if (cached) spoiled['cacheMapping'] = true;
  if (words.includes('dynamic')) Object.assign(spoiled, { pin: () => {}, unpin: () => {} });
  if (lacking in names) delete spoiled[names[/** @type {keyof typeof names} */ (lacking)]];
  else if (lacking === 'pin' || lacking === 'unpin') delete spoiled[lacking];
  else if (!['nothing', 'ops', 'priv', 'info', 'exp_info'].includes(lacking)) {
    throw new RangeError(`unknown argument missing: ${words}`);
  }
  return spoiled;
}

/** @param {Session} session @param {Step} step @returns {string} */
export function dmaBufExport(session, step) {
  const { args } = step;
  const name = args.buf ?? 'A';
  const { missing } = args;
  const size = args.size ?? 4096;
  const exporter = new Exporter(session, name, size);
  const ops = opsOf(session, exporter, args);
  /** @type {any} */
  let given = missing === undefined ? ops : spoil(ops, missing);
  // What has to do with pinning is about memory that may move.
  const dynamic = args.dynamic === true || 'pin' in given || 'unpin' in given;
  if (missing === 'ops') given = undefined;
  const info = {
    exporter: 'dmabuf_oracle',
    size,
    priv: missing === 'priv' ? undefined : exporter,
    ops: given,
    ...(args.shared_resv === true ? { resv: session.shared } : {}),
  };
  const whole = missing === 'info' || missing === 'exp_info' ? /** @type {any} */ (null) : info;
  const { exports } = session.rooms.buffers;
  const handle = dynamic ? exports.dynamic(whole) : exports.static(whole);
  const buffer = {
    name,
    handle,
    id: handle.id,
    resv: handle.resv,
    dynamic,
    released: false,
    listed: 0,
    counts: { pins: 0, live_maps: 0 },
    offsets: { pins: 0, live_maps: 0, attachments: 0 },
    accesses: [],
    vmaps: [],
    owned: true,
    references: [],
    files: new Map(),
    mappings: [],
    memory: () => exporter.bytes(),
    pollers: [],
    awaited: new Set(),
  };
  exporter.buffer = buffer;
  session.buffers.set(name, buffer);
  return name;
}
