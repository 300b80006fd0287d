// SPDX-License-Identifier: MIT
/**
 * mem/arena — the SharedArrayBuffer that holds all control state, and where each table in it begins.
 *
 * The header says what this memory is: magic, layout hash, limits, identity; `ready` is stored last. "Not ours", "other
 * version" and "not ready" are different errors. Pages of the arena cost memory only when they are first touched, so limits
 * are generous. Tables begin on 64-byte lines.
 *
 * Pairs  P0 creator: header complete, then `ready` ↔ opener: `ready`, then header.
 */

import { fail } from '../errors.js';
import { load, store, type Words } from './atomics.js';
import { type Limits, layoutHash, record, type Section, u32 } from './layout.js';

const MAGIC = 0x0d3a_b0f5;
const LINE = 16;
/** Bytes that mapped memory is a multiple of. */
const UNIT = 65_536;

export const HeaderLayout = record(
  'header',
  {
    magic: u32('says that this is a dmabuf arena'),
    hash: u32('layout hash of the sections'),
    ready: u32('1 when all of the header stands; stored last (P0)'),
    idHigh: u32('random identity of the domain'),
    idLow: u32('random identity of the domain'),
    agents: u32('limit: slots'),
    buffers: u32('limit: buffers'),
    timelines: u32('limit: timelines'),
    channels: u32('limit: channels'),
    pages: u32('limit: 4 KiB pages of the system heap'),
    waitRows: u32('limit: wait rows of one agent'),
  },
  LINE,
);

const header = HeaderLayout.at;
const LIMITS = ['agents', 'buffers', 'timelines', 'channels', 'pages', 'waitRows'] as const;

export class Arena {
  readonly words: Words;
  readonly floats: Float64Array;
  readonly counters: BigInt64Array;
  readonly limits: Limits;
  /** Identity of the domain, as 16 hex digits. */
  readonly id: string;
  readonly #bases: ReadonlyMap<Section, number>;

  private constructor(
    readonly memory: SharedArrayBuffer,
    limits: Limits,
    sections: readonly Section[],
  ) {
    this.words = new Int32Array(memory);
    this.floats = new Float64Array(memory);
    this.counters = new BigInt64Array(memory);
    this.limits = limits;
    this.#bases = place(sections, limits).bases;
    const half = (at: number): string => (load(this.words, at) >>> 0).toString(16).padStart(8, '0');
    this.id = half(header.idHigh) + half(header.idLow);
  }

  /** Bytes that these tables take. */
  static bytes(sections: readonly Section[], limits: Limits): number {
    return place(sections, limits).size * 4;
  }

  /** A new arena for these tables, in memory that is all 0. `identity` are two random words. @throws ENOMEM */
  static create(
    sections: readonly Section[],
    limits: Limits,
    identity: readonly [number, number],
    memory: SharedArrayBuffer = memoryOf(Arena.bytes(sections, limits)),
  ): Arena {
    const words = new Int32Array(memory);
    store(words, header.magic, MAGIC);
    store(words, header.hash, layoutHash(sections));
    store(words, header.idHigh, identity[0]);
    store(words, header.idLow, identity[1]);
    for (const limit of LIMITS) store(words, header[limit], limits[limit]);
    store(words, header.ready, 1); // P0
    return new Arena(memory, limits, sections);
  }

  /** The arena that somebody else made. @throws EPROTO not ours, or not ready · EPROTONOSUPPORT other layout */
  static open(memory: SharedArrayBuffer, sections: readonly Section[]): Arena {
    const op = 'Domain.join';
    if (memory.byteLength < HeaderLayout.size * 4) {
      throw fail(
        'EPROTO',
        op,
        { bytes: memory.byteLength },
        { why: 'too small for a dmabuf arena' },
      );
    }
    const words = new Int32Array(memory);
    if (load(words, header.magic) !== MAGIC) {
      throw fail('EPROTO', op, {}, { why: 'this memory is not a dmabuf arena' });
    }
    if (load(words, header.ready) !== 1)
      throw fail('EPROTO', op, {}, { why: 'the arena is not ready yet' }); // P0
    const [ours, theirs] = [layoutHash(sections), load(words, header.hash)];
    if (ours !== theirs) throw fail('EPROTONOSUPPORT', op, { ours, theirs });
    const limits = Object.fromEntries(
      LIMITS.map((limit) => [limit, load(words, header[limit])]),
    ) as unknown as Limits;
    const expected = Arena.bytes(sections, limits);
    // Memory that is mapped comes in whole units.
    const rest = memory.byteLength - expected;
    if (rest < 0 || rest >= UNIT) {
      const details = { bytes: memory.byteLength, expected };
      throw fail('EPROTO', op, details, {
        why: 'the arena is damaged: its size does not fit its limits',
      });
    }
    return new Arena(memory, limits, sections);
  }

  /** First word of a table. Row r of it begins `r * layout.size` further. */
  base(section: Section): number {
    const base = this.#bases.get(section);
    if (base === undefined) throw new RangeError(`section ${section.name} is not in this arena`);
    return base;
  }
}

/** @throws ENOMEM */
function memoryOf(bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch (cause) {
    throw fail('ENOMEM', 'Domain.create', { bytes }, { cause });
  }
}

function place(
  sections: readonly Section[],
  limits: Limits,
): { readonly bases: ReadonlyMap<Section, number>; readonly size: number } {
  const bases = new Map<Section, number>();
  let next = HeaderLayout.size;
  for (const section of sections) {
    bases.set(section, next);
    next += Math.ceil((section.layout.size * section.rows(limits)) / LINE) * LINE;
  }
  return { bases, size: next };
}
