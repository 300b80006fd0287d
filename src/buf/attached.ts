// SPDX-License-Identifier: MIT
/**
 * buf/attached — the state of one attachment, behind its public handle.
 *
 * @source struct dma_buf_attachment
 */

import { objectKey } from '../agent/index.js';
import { fail } from '../errors.js';
import type { Buffers } from './buffers.js';
import type { Device } from './device.js';
import { type Direction, serves } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { AttachmentInfo } from './exporter.js';
import type { ExporterPort, Mapped } from './port.js';
import type { Reference } from './reference.js';

/** A mapping that is open, as its attachment ends it. */
export interface OpenMapping {
  readonly mapped: Mapped;
  /** Its handle throws ESTALE from now on. */
  invalidate(): void;
}

export class Attached {
  readonly buffers: Buffers;
  readonly reference: Reference;
  /** What the exporter's callbacks are given; null for the heaps, which have none. */
  readonly info: AttachmentInfo<unknown> | null;
  /** What this agent's tasks wait on for changes of this attachment. */
  readonly key: number;
  /** The exporter's attach has succeeded, so its detach is owed. */
  entered = false;
  /** On the buffer's list: from after the exporter's attach until before its detach. */
  listed = false;
  /** Set once detach() was called. */
  detaching: Promise<void> | null = null;
  /** The mapping that stays until detach: made at attach, or by the first map of an exporter that caches. */
  kept: OpenMapping | null = null;
  /** A first map, which is to be kept, is under way. */
  keeping = false;
  /** Calls of this attachment that are under way. */
  calls = 0;
  /** Callbacks of the exporter that go on, or still have to be undone, though their caller has given up. */
  late = 0;
  /** The kept one too. */
  readonly open = new Set<OpenMapping>();
  /** Pins that the importer took; identities of their handles. */
  readonly pins = new Set<object>();
  /** Tells the importer that the memory moves; null = a static importer. */
  notify: (() => void) | null = null;
  /** Generation of the buffer that the importer was told of last; see moves. */
  told = 0;

  constructor(
    /** The importer's handle. */
    readonly buf: DmaBuf,
    readonly port: ExporterPort,
    readonly device: Device,
    /** Is the importer dynamic? */
    readonly dynamic: boolean,
    /** Of the attachment table; null = the exporter's agent has it there. */
    readonly row: number | null,
  ) {
    this.buffers = buf.buffers;
    this.reference = buf.use('DmaBuf.attach');
    this.key = objectKey('buffer', this.reference.row);
    const exported = port.exported();
    this.info = exported === null ? null : Object.freeze({ buf: exported, device, dynamic });
  }

  /** Exporter and importer disagree on who locks. */
  get mismatched(): boolean {
    return this.port.dynamic !== this.dynamic;
  }

  /** @throws ESTALE detached */
  use(op: string): void {
    if (this.listed && this.detaching === null) return;
    throw fail(
      'ESTALE',
      op,
      { buffer: this.reference.id, device: this.device.name },
      { why: 'the attachment was detached' },
    );
  }

  /** @throws EACCES the share that the buffer came from was read-only */
  checkRights(op: string, direction: Direction): void {
    if (!this.buf.readOnly || direction === 'to-device') return;
    const why = `${this.buf.readOnlyWhy}: map it "to-device"`;
    throw fail('EACCES', op, { buffer: this.reference.id, direction }, { why });
  }

  /** The kept mapping, if there is one and it serves this direction. @throws EBUSY it does not: what is kept never widens */
  keptFor(op: string, asked: Direction): OpenMapping | null {
    const { kept } = this;
    if (kept === null || serves(kept.mapped.direction, asked)) return kept;
    const why = `the attachment keeps a mapping made for "${kept.mapped.direction}" until it is detached`;
    throw fail('EBUSY', op, { buffer: this.reference.id, direction: asked }, { why });
  }

  add(mapping: OpenMapping): void {
    this.open.add(mapping);
    this.#count('mapped', this.open.size);
  }

  /** @returns false when it was not open */
  remove(mapping: OpenMapping): boolean {
    if (!this.open.delete(mapping)) return false;
    this.#count('mapped', this.open.size);
    return true;
  }

  addPin(pin: object): void {
    this.pins.add(pin);
    this.#count('pinned', this.pins.size);
  }

  /** @returns false when it was not open */
  removePin(pin: object): boolean {
    if (!this.pins.delete(pin)) return false;
    this.#count('pinned', this.pins.size);
    return true;
  }

  #count(field: 'mapped' | 'pinned', value: number): void {
    if (this.row !== null) this.buffers.attachments.count(this.row, field, value);
  }
}
