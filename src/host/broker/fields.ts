// SPDX-License-Identifier: MIT
/**
 * broker/fields — the kinds of values that messages consist of: how each is written, read, and checked.
 *
 * A reader believes nothing: each value is checked for its range, each length against what is there. Little-endian.
 */

import { ERROR_CODES, type ErrorCode, fail } from '../../errors.js';

const OP = 'broker';
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const MAX_U32 = 0xffff_ffff;
/** Bytes of a text. */
const MAX_TEXT = 1024;

/** A packet that no member of this version would send. */
export function damaged(why: string): Error {
  return fail('EPROTO', OP, {}, { why });
}

/** Takes a packet apart, from the front. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(packet: Uint8Array) {
    this.#bytes = packet;
    this.#view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  }

  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }

  /** The next `count` bytes. @throws EPROTO there are fewer */
  bytes(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  #advance(count: number): number {
    if (count > this.left) throw damaged('a message is shorter than what it should hold');
    const at = this.#at;
    this.#at += count;
    return at;
  }
}

/** Puts a packet together. */
export class Writer {
  readonly #bytes: number[] = [];

  /** `value` as `count` bytes. */
  integer(value: number | bigint, count: number): void {
    let rest = BigInt(value);
    for (let n = 0; n < count; n++, rest >>= 8n) this.#bytes.push(Number(rest & 0xffn));
  }

  bytes(from: Uint8Array): void {
    for (const byte of from) this.#bytes.push(byte);
  }

  packet(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** One kind of value. */
export interface Field<T> {
  /** @throws EPROTO it is none */
  read(from: Reader): T;
  /** @throws EINVAL it is none */
  write(to: Writer, value: T): void;
}

function ours(what: string, value: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw fail('EINVAL', OP, { value }, { why: `${what} must be an integer from 0 to ${most}` });
}

export const u32: Field<number> = {
  read: (from) => from.u32(),
  write: (to, value) => to.integer(ours('a number', value, MAX_U32), 4),
};

/** An index into a table of so many rows. */
export function below(rows: number): Field<number> {
  return {
    read(from) {
      const value = from.u32();
      if (value >= rows) throw damaged(`there are ${rows} rows, none of them is ${value}`);
      return value;
    },
    write: (to, value) => to.integer(ours('a row', value, rows - 1), 4),
  };
}

/** Sizes and times: integers that a number holds exactly. */
export const u53: Field<number> = {
  read(from) {
    const value = from.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(`${value} is beyond all sizes`);
    return Number(value);
  },
  write: (to, value) => to.integer(ours('a size', value, Number.MAX_SAFE_INTEGER), 8),
};

export const yesNo: Field<boolean> = {
  read(from) {
    const value = from.u16();
    if (value > 1) throw damaged(`${value} is neither yes nor no`);
    return value === 1;
  },
  write: (to, value) => to.integer(value ? 1 : 0, 2),
};

/** A sentence for people: what is too long is cut. */
export const text: Field<string> = {
  read(from) {
    const length = from.u16();
    if (length > MAX_TEXT) throw damaged(`a text of ${length} bytes is too long`);
    const bytes = from.bytes(length);
    try {
      return UTF8.decode(bytes);
    } catch {
      throw damaged('a text is not UTF-8');
    }
  },
  write(to, value) {
    const room = new Uint8Array(MAX_TEXT);
    const { written } = new TextEncoder().encodeInto(value, room);
    to.integer(written, 2);
    to.bytes(room.subarray(0, written));
  },
};

export const errorName: Field<ErrorCode> = {
  read(from) {
    const number = from.u16();
    const code = ERROR_CODES[number];
    if (code === undefined) throw damaged(`there is no error ${number}`);
    return code;
  },
  write: (to, value) => to.integer(ERROR_CODES.indexOf(value), 2),
};

// oxlint-disable-next-line typescript/no-explicit-any -- a record is of fields of any kind
export type Fields = Readonly<Record<string, Field<any>>>;
export type ValuesOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

/** Fields in their order. */
export function record<const F extends Fields>(fields: F): Field<ValuesOf<F>> {
  const all = Object.entries(fields);
  return {
    read: (from) => Object.fromEntries(all.map(([name, f]) => [name, f.read(from)])) as ValuesOf<F>,
    write(to, value) {
      for (const [name, f] of all) f.write(to, value[name]);
    },
  };
}

/** At most `most` of a kind. */
export function list<T>(item: Field<T>, most: number): Field<readonly T[]> {
  return {
    read(from) {
      const count = from.u16();
      if (count > most) throw damaged(`${count} in a list are more than ${most}`);
      return Array.from({ length: count }, () => item.read(from));
    },
    write(to, values) {
      to.integer(ours('a list', values.length, most), 2);
      for (const value of values) item.write(to, value);
    },
  };
}
