// SPDX-License-Identifier: MIT

import { describe, expect, it } from 'vitest';
import { CellLayout, cellsFor } from '../../../src/heap/channel-layout.js';
import { NONE, Ring } from '../../../src/heap/ring.js';
import { load, store } from '../../../src/mem/index.js';
import { fc } from '../properties.js';

const LINE = CellLayout.size;
const WRITER = 0;
const READER = 1;

/** A ring in memory of its own; its positions begin at `from`, or the largest multiple of the size before it. */
function rings(capacity: number, from = 0) {
  const size = cellsFor(capacity);
  const words = new Int32Array(new SharedArrayBuffer(4 * (size * LINE + 2 * LINE)));
  const place = { words, cells: 2 * LINE, head: 0, tail: LINE, capacity };
  const first = from - (from % size);
  const laps = 2 ** Math.min(20, 30 - Math.log2(size));
  for (let i = 0; i < size; i++)
    store(words, place.cells + i * LINE, ((first / size) % laps) << 12);
  store(words, place.head, first);
  store(words, place.tail, first);
  return { words, ring: new Ring(place, WRITER), other: new Ring(place, READER) };
}

/** One number per message. */
const value = CellLayout.at.tag;

function send(words: Int32Array, ring: Ring, number: number): boolean {
  const position = ring.claim();
  if (position === NONE) return false;
  store(words, ring.cell(position) + value, number);
  ring.publish(position);
  return true;
}

function receive(words: Int32Array, ring: Ring): number | null {
  const position = ring.take();
  if (position === NONE) return null;
  const number = load(words, ring.cell(position) + value);
  ring.release(position);
  return number;
}

describe('ring', () => {
  it('hands messages over in order, for ever', () => {
    const { words, ring, other } = rings(4);
    for (let n = 0; n < 1000; n++) {
      expect(send(words, ring, n)).toBe(true);
      expect(receive(words, other)).toBe(n);
    }
    expect(receive(words, other)).toBeNull();
  });

  it.each([1, 2, 3, 4, 5, 8])('takes as many messages as its capacity of %i', (capacity) => {
    const { words, ring, other } = rings(capacity);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < capacity; n++) expect(send(words, ring, n)).toBe(true);
      expect(ring.hasRoom(1)).toBe(false);
      expect(send(words, ring, 99)).toBe(false);
      expect(ring.queued).toBe(capacity);
      for (let n = 0; n < capacity; n++) expect(receive(words, other)).toBe(n);
      expect(ring.drained).toBe(true);
    }
  });

  it.each([1, 3, 8, 4096])(
    'goes on where positions and laps begin anew, at capacity %i',
    (capacity) => {
      const { words, ring, other } = rings(capacity, 2 ** 30 - 16);
      for (let n = 0; n < 2 * capacity + 64; n++) {
        expect(send(words, ring, n)).toBe(true);
        expect(receive(words, other)).toBe(n);
      }
    },
  );

  it('tells how many could be claimed, and taken', () => {
    const { words, ring } = rings(3);
    expect([1, 2, 3, 4].map((n) => ring.hasRoom(n))).toEqual([true, true, true, false]);
    send(words, ring, 1);
    send(words, ring, 2);
    expect([1, 2].map((n) => ring.hasRoom(n))).toEqual([true, false]);
    expect([1, 2, 3].map((n) => ring.hasMessages(n))).toEqual([true, true, false]);
  });

  it('is not held up by a cell that somebody writes or reads', () => {
    const { words, ring, other } = rings(4);
    const slow = ring.claim();
    send(words, ring, 2);
    send(words, ring, 3);
    const reading = other.take();
    expect(load(words, other.cell(reading) + value)).toBe(2);
    expect(receive(words, other)).toBe(3);
    expect(receive(words, other)).toBeNull();
    store(words, ring.cell(slow) + value, 1);
    ring.publish(slow);
    expect(receive(words, other)).toBe(1);
    other.release(reading);
    expect(ring.drained).toBe(true);
    for (let n = 0; n < 4; n++) expect(send(words, ring, n)).toBe(true);
  });

  it('steps over a message that was not sent after all', () => {
    const { words, ring, other } = rings(2);
    ring.abort(ring.claim());
    expect(send(words, ring, 1)).toBe(true);
    expect(send(words, ring, 2)).toBe(true);
    expect([receive(words, other), receive(words, other)]).toEqual([1, 2]);
  });

  it('takes the oldest message that is asked for', () => {
    const { words, ring, other } = rings(4);
    for (const n of [1, 2, 3, 4]) send(words, ring, n);
    const even = other.takeSome((cell) => load(words, cell + value) % 2 === 0);
    expect(load(words, other.cell(even) + value)).toBe(2);
    other.release(even);
    expect(other.takeSome((cell) => load(words, cell + value) > 4)).toBe(NONE);
    expect([receive(words, other), receive(words, other)]).toEqual([1, 3]);
  });

  it('gives back what the dead was reading, and forgets what it was writing', () => {
    const { words, ring, other } = rings(4);
    send(words, ring, 1);
    send(words, ring, 2);
    other.take();
    expect(receive(words, other)).toBe(2);
    other.claim();
    const seen: string[] = [];
    const count = ring.recover(
      READER,
      () => seen.push('reading'),
      () => seen.push('writing'),
    );
    expect([count, seen]).toEqual([2, ['reading', 'writing']]);
    expect(
      ring.recover(
        READER,
        () => {},
        () => {},
      ),
    ).toBe(0);
    expect(receive(words, ring)).toBe(1);
    expect(receive(words, ring)).toBeNull();
    expect(ring.drained).toBe(true);
  });

  it('behaves as a bounded queue with parties that are slow, give up or die', () => {
    const commands = fc.array(
      fc.record({
        what: fc.constantFrom('claim', 'publish', 'abort', 'take', 'release', 'die'),
        who: fc.constantFrom(WRITER, READER),
        which: fc.nat(7),
      }),
      { maxLength: 120 },
    );
    const start = fc.constantFrom(0, 2 ** 30 - 16);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), start, commands, (capacity, from, script) => {
        const { words, ring, other } = rings(capacity, from);
        run(script, words, [ring, other], capacity);
      }),
      { numRuns: 500 },
    );
  });
});

interface Entry {
  state: 'writing' | 'full' | 'reading';
  who: number;
  position: number;
  readonly number: number;
}

/** The same on a plain array: everything not done with, in the order of the claims. */
function run(
  script: readonly { what: string; who: number; which: number }[],
  words: Int32Array,
  both: readonly [Ring, Ring],
  capacity: number,
): void {
  const model: Entry[] = [];
  let next = 0;
  const mine = (state: Entry['state'], who: number, which: number): Entry | undefined => {
    const found = model.filter((entry) => entry.state === state && entry.who === who);
    return found[which % Math.max(1, found.length)];
  };
  const remove = (entry: Entry): void => void model.splice(model.indexOf(entry), 1);
  /** Positions between the oldest one in use and the newest one. */
  const claimed = (): number => {
    const oldest = model[0]?.position ?? last + 1;
    return (last + 1 - oldest) & (2 ** 30 - 1);
  };
  let last = both[0].claim();
  both[0].abort(last);
  for (const { what, who, which } of script) {
    const ring = both[who === WRITER ? 0 : 1];
    if (what === 'claim') {
      const full = claimed() >= capacity;
      const position = ring.claim();
      expect(position === NONE).toBe(full);
      if (full) continue;
      last = position;
      const number = next++;
      store(words, ring.cell(position) + value, number);
      model.push({ state: 'writing', who, position, number });
    } else if (what === 'take') {
      const oldest = model.find((entry) => entry.state === 'full');
      const position = ring.take();
      expect(position).toBe(oldest?.position ?? NONE);
      if (oldest === undefined) continue;
      expect(load(words, ring.cell(position) + value)).toBe(oldest.number);
      oldest.state = 'reading';
      oldest.who = who;
    } else if (what === 'die') {
      ring.recover(
        who,
        () => {},
        () => {},
      );
      for (const entry of model.slice()) {
        if (entry.who !== who || entry.state === 'full') continue;
        if (entry.state === 'writing') remove(entry);
        else entry.state = 'full';
      }
    } else {
      const entry = mine(what === 'release' ? 'reading' : 'writing', who, which);
      if (entry === undefined) continue;
      if (what === 'publish') {
        ring.publish(entry.position);
        entry.state = 'full';
        continue;
      }
      if (what === 'abort') ring.abort(entry.position);
      else ring.release(entry.position);
      remove(entry);
    }
    expect(ring.queued).toBe(model.filter((entry) => entry.state === 'full').length);
    expect(ring.drained).toBe(model.length === 0);
  }
}
