// SPDX-License-Identifier: MIT
/**
 * buf/attachment-rows — attachments as everybody can see them.
 *
 * Rows only describe: one writer each (R2), read by snapshots. `owner` is the claim; `buffer` is stored last and taken back
 * first, so a row that names a buffer is complete.
 */

import { fail } from '../errors.js';
import {
  type Arena,
  cas,
  load,
  RowFinder,
  raise,
  readText,
  store,
  type Words,
  writeText,
} from '../mem/index.js';
import {
  AttachmentFlag,
  AttachmentLayout,
  AttachmentSection,
  BufControlLayout,
  BufControlSection,
  NAME_BYTES,
} from './layout.js';

const attachment = AttachmentLayout.at;
const SIZE = AttachmentLayout.size;

/** One attachment, as its row says. */
export interface AttachmentView {
  readonly buffer: number;
  readonly generation: number;
  /** Tag of the agent that attached. */
  readonly owner: number;
  readonly device: string;
  readonly dynamic: boolean;
  readonly mapped: number;
  readonly pinned: number;
}

export class AttachmentRows {
  readonly #words: Words;
  readonly #base: number;
  readonly #used: number;
  readonly #finder: RowFinder;

  constructor(
    arena: Arena,
    /** Of the agent that writes through this object. */
    readonly tag: number,
  ) {
    this.#words = arena.words;
    this.#base = arena.base(AttachmentSection);
    this.#used = arena.base(BufControlSection) + BufControlLayout.at.attachments;
    this.#finder = new RowFinder(arena.limits.buffers, (tag & 0x1ff) * 64);
  }

  /** A row for an attachment that is being made. @throws ENFILE */
  claim(op: string, device: string, dynamic: boolean, importer = this.tag): number {
    const w = this.#words;
    const row = this.#finder.take((candidate) => {
      const owner = this.#base + candidate * SIZE + attachment.owner;
      if (load(w, owner) !== 0) return false;
      raise(w, this.#used, candidate + 1); // before the claim: what the dead had is looked for below it
      return cas(w, owner, 0, this.tag) === 0;
    });
    if (row < 0) {
      const why = 'all attachment rows are taken: detach some, or raise limits.buffers';
      throw fail('ENFILE', op, { table: 'attachments', limit: this.#finder.rows }, { why });
    }
    const at = this.#base + row * SIZE;
    store(w, at + attachment.importer, importer);
    store(w, at + attachment.flags, dynamic ? AttachmentFlag.DYNAMIC : 0);
    store(w, at + attachment.mapped, 0);
    store(w, at + attachment.pinned, 0);
    writeText(w, at + attachment.device, device);
    return row;
  }

  /** It is on the buffer's list now. */
  publish(row: number, buffer: number, generation: number): void {
    const at = this.#base + row * SIZE;
    store(this.#words, at + attachment.life, generation);
    store(this.#words, at + attachment.buffer, buffer + 1);
  }

  /** It is not on the list any more. */
  withdraw(row: number): void {
    store(this.#words, this.#base + row * SIZE + attachment.buffer, 0);
  }

  free(row: number): void {
    this.withdraw(row);
    store(this.#words, this.#base + row * SIZE + attachment.owner, 0);
    this.#finder.give(row);
  }

  /** Open mappings, open pins. */
  count(row: number, field: 'mapped' | 'pinned', value: number): void {
    store(this.#words, this.#base + row * SIZE + attachment[field], value);
  }

  /** For the reaper. @returns how many there were */
  reap(tag: number): number {
    const w = this.#words;
    let count = 0;
    for (let row = 0, used = load(w, this.#used); row < used; row++) {
      if (load(w, this.#base + row * SIZE + attachment.owner) !== tag) continue;
      this.free(row);
      count++;
    }
    return count;
  }

  /** All that are on the list of some buffer; each is consistent in itself. */
  *all(): Generator<AttachmentView> {
    const w = this.#words;
    for (let row = 0, used = load(w, this.#used); row < used; row++) {
      const at = this.#base + row * SIZE;
      const [owner, buffer] = [load(w, at + attachment.owner), load(w, at + attachment.buffer)];
      if (buffer === 0) continue;
      const view = {
        buffer: buffer - 1,
        generation: load(w, at + attachment.life),
        owner: load(w, at + attachment.importer),
        device: readText(w, at + attachment.device, NAME_BYTES),
        dynamic: (load(w, at + attachment.flags) & AttachmentFlag.DYNAMIC) !== 0,
        mapped: load(w, at + attachment.mapped),
        pinned: load(w, at + attachment.pinned),
      };
      const same =
        load(w, at + attachment.buffer) === buffer && load(w, at + attachment.owner) === owner;
      if (same) yield view;
    }
  }
}
