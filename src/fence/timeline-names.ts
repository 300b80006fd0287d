// SPDX-License-Identifier: MIT
/**
 * fence/timeline-names — which timeline a fence context belongs to, readable by everybody.
 *
 * The context is written last and cleared first. Contexts are never used again, so a name belongs to a context when the row says so before
 * and after it was read.
 */

import type { Agent } from '../agent/index.js';
import { fail, shown } from '../errors.js';
import {
  byteLength,
  cas,
  load,
  RowFinder,
  readText,
  store,
  type Words,
  writeText,
} from '../mem/index.js';
import {
  FenceCountersLayout,
  FenceCountersSection,
  TIMELINE_NAME_BYTES,
  TimelineLayout,
  TimelineSection,
} from './layout.js';

const timeline = TimelineLayout.at;

export class TimelineNames {
  readonly #words: Words;
  readonly #base: number;
  readonly #used: number;
  readonly #rows: RowFinder;

  constructor(readonly agent: Agent) {
    this.#words = agent.arena.words;
    this.#base = agent.arena.base(TimelineSection);
    this.#used = agent.arena.base(FenceCountersSection) + FenceCountersLayout.at.timelines;
    this.#rows = new RowFinder(agent.arena.limits.timelines);
  }

  /** @returns the row. @throws EINVAL name too long · ENFILE */
  open(name: string, context: number): number {
    const op = 'Domain.timeline';
    if (typeof name !== 'string' || byteLength(name) > TIMELINE_NAME_BYTES) {
      const why = `name must be a text of up to ${TIMELINE_NAME_BYTES} bytes of UTF-8`;
      throw fail('EINVAL', op, { name: shown(name) }, { why });
    }
    const row = this.#rows.take((free) => this.#claim(free));
    if (row < 0) {
      const why =
        'all timelines are taken: close some, or raise limits.timelines of Domain.create()';
      throw fail('ENFILE', op, { table: 'timelines', limit: this.#rows.rows }, { why });
    }
    const at = this.#at(row);
    writeText(this.#words, at + timeline.name, name);
    store(this.#words, at + timeline.contextHigh, Math.floor(context / 2 ** 32));
    store(this.#words, at + timeline.contextLow, context | 0);
    return row;
  }

  close(row: number): void {
    const at = this.#at(row);
    store(this.#words, at + timeline.contextLow, 0);
    store(this.#words, at + timeline.contextHigh, 0);
    store(this.#words, at + timeline.claim, 0);
    this.#rows.give(row);
  }

  /** Name of the open timeline with this context, or null. */
  of(context: number): string | null {
    if (context === 0) return null;
    for (let row = 0, used = load(this.#words, this.#used); row < used; row++) {
      if (!this.#is(row, context)) continue;
      const name = readText(this.#words, this.#at(row) + timeline.name, TIMELINE_NAME_BYTES);
      return this.#is(row, context) ? name : null;
    }
    return null;
  }

  /** For the reaper. */
  abandon(tag: number): void {
    for (let row = 0, used = load(this.#words, this.#used); row < used; row++) {
      if (load(this.#words, this.#at(row) + timeline.claim) === tag) this.close(row);
    }
  }

  #claim(row: number): boolean {
    const at = this.#at(row) + timeline.claim;
    for (
      let used = load(this.#words, this.#used);
      used <= row;
      used = load(this.#words, this.#used)
    )
      cas(this.#words, this.#used, used, row + 1);
    return cas(this.#words, at, 0, this.agent.tag) === 0;
  }

  #is(row: number, context: number): boolean {
    const at = this.#at(row);
    return (
      load(this.#words, at + timeline.contextLow) === (context | 0) &&
      load(this.#words, at + timeline.contextHigh) === Math.floor(context / 2 ** 32)
    );
  }

  #at(row: number): number {
    return this.#base + row * TimelineLayout.size;
  }
}
