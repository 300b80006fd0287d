// SPDX-License-Identifier: MIT
/**
 * mem/layout — shared records declared once, as data.
 *
 * A record is a list of named fields; declaring it yields the word offset of each, so nobody writes a numeric offset. A
 * section is a table of equal records whose length follows from the limits. Offsets, table bases, docs and the layout hash all
 * come from these declarations.
 *
 * Words are 32 bit. `f64` and `i64` fields are two words, aligned to two; `words(n)` is n words in a row.
 */

type FieldKind = 'u32' | 'f64' | 'i64' | 'words';

export interface Field {
  readonly kind: FieldKind;
  readonly size: number;
  readonly doc: string;
}

export const u32 = (doc: string): Field => ({ kind: 'u32', size: 1, doc });
export const f64 = (doc: string): Field => ({ kind: 'f64', size: 2, doc });
export const i64 = (doc: string): Field => ({ kind: 'i64', size: 2, doc });
export const words = (size: number, doc: string): Field => ({ kind: 'words', size, doc });

/** Word offset of each field, and the record's own size. */
export type Offsets<F> = { readonly [K in keyof F]: number };

export interface RecordLayout<F extends Readonly<Record<string, Field>>> {
  readonly name: string;
  readonly fields: F;
  readonly at: Offsets<F>;
  /** Words, padded to `align`. */
  readonly size: number;
}

/** Declares a record. `align` in words: 16 puts every row on 64-byte lines of its own. */
export function record<const F extends Readonly<Record<string, Field>>>(
  name: string,
  fields: F,
  align = 2,
): RecordLayout<F> {
  const at: Record<string, number> = {};
  let next = 0;
  for (const [key, field] of Object.entries(fields)) {
    if (field.kind === 'f64' || field.kind === 'i64') next += next & 1;
    at[key] = next;
    next += field.size;
  }
  return {
    name,
    fields,
    at: Object.freeze(at) as Offsets<F>,
    size: Math.ceil(next / align) * align,
  };
}

/** How many of everything: chosen at creation, stored in the header. */
export interface Limits {
  readonly agents: number;
  readonly buffers: number;
  readonly timelines: number;
  readonly channels: number;
  /** 4 KiB pages of the system heap. */
  readonly pages: number;
  /** Objects that one agent can wait for before wakers ring it for everything. A power of two. */
  readonly waitRows: number;
}

export interface Section {
  readonly name: string;
  readonly layout: RecordLayout<Readonly<Record<string, Field>>>;
  readonly rows: (limits: Limits) => number;
}

/** Declares a table of records in the arena. */
export function section(
  name: string,
  layout: RecordLayout<Readonly<Record<string, Field>>>,
  rows: (limits: Limits) => number,
): Section {
  return { name, layout, rows };
}

/** FNV-1a over every name, kind and size: two builds that disagree about a word have different hashes. */
export function layoutHash(sections: readonly Section[]): number {
  let hash = 0x811c9dc5;
  const mix = (text: string): void => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  };
  for (const { name, layout } of sections) {
    mix(`${name}:${layout.name}:${layout.size};`);
    for (const [key, field] of Object.entries(layout.fields))
      mix(`${key}:${field.kind}:${field.size};`);
  }
  return hash | 0;
}
