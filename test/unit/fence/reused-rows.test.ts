// SPDX-License-Identifier: MIT
/**
 * A row is a fence, a container, a part of one, and a fence again: what the word `more` says of the one must not be taken for
 * the other's, at whatever step somebody was stopped.
 */
import { describe, expect, test } from 'vitest';
import { Fence, FenceChain, type FenceSet, type Fences } from '../../../src/fence/index.js';
import { Kind, memberWord, moreWord } from '../../../src/fence/layout.js';
import { eachMemberRow, readLink, recycleMembers } from '../../../src/fence/members.js';
import { domainOf, fenceRooms, mourners, seenIn } from './rooms.js';

const single = (room: Fences): Fence => room.create(room.contexts(), 1);
/** `act` runs once, right after the CAS that signals the fence in that row. */
function afterSignal(row: number, act: () => void): Disposable {
  const { compareExchange } = Atomics;
  let armed = true;
  Object.assign(Atomics, {
    compareExchange(words: Int32Array, index: number, expected: number, value: number): number {
      const before = compareExchange(words, index, expected, value);
      if (armed && before === expected && index === row && (value & 3) === 2) {
        armed = false;
        act();
      }
      return before;
    },
  });
  return { [Symbol.dispose]: () => void Object.assign(Atomics, { compareExchange }) };
}

test('who signals a fence of another agent writes nothing into its row afterwards', () => {
  const { rooms } = fenceRooms(2);
  const [a, b] = rooms as [Fences, Fences];
  const owed = single(a);
  a.setOwner(owed.row, owed.generation, b.agent.tag);
  owed.setDeadline(performance.timeOrigin + performance.now() + 1000);
  const more = moreWord(0, Kind.ALL);
  const container = (): Fence => a.create(a.contexts(), 1, a.agent.tag, more);
  let next = owed;
  {
    using _ = afterSignal(a.records.at(owed.row), () => {
      next = container();
      for (let n = 0; n < 5_000 && next.row !== owed.row; n++) {
        a.signal(next);
        next = container();
      }
    });
    b.signalPoint(owed.row, owed.generation);
  }
  expect([next.row, b.records.moreOf(owed.row)]).toEqual([owed.row, more]);
});

describe('who handed out a row dies after it made it free, and before it cleared what stood there', () => {
  test.each([
    ['a container', moreWord(0, Kind.ALL)],
    ['a part of one', memberWord(77, 4)],
  ])('%s: the next fence in it is a fence', (_what, more) => {
    const { rooms, bury } = mourners();
    const [a, b, c] = rooms;
    const first = single(a);
    a.records.setMore(first.row, more);
    a.records.recycle(first.row, a.records.stateOf(first.row));
    bury(a);
    let heir = single(b);
    for (let n = 0; n < 70_000 && heir.row !== first.row; n++) {
      b.signal(heir);
      heir = single(b);
    }
    expect(heir.row).toBe(first.row);
    const seen = seenIn(c, heir);
    expect(seen).toBeInstanceOf(Fence);
    expect([seen.signaled, heir.signaled]).toEqual([false, false]);
  });
});

test('a link whose row holds members of another container by now says nothing', () => {
  const [a, b] = fenceRooms(2).rooms as [Fences, Fences];
  const link = FenceChain.append(domainOf(a), null, single(a), 1);
  const { row, generation } = link.recordIn();
  a.signal(link.leaves[0] as Fence);
  expect(link.signaled).toBe(true);
  a.records.recycle(row, a.records.stateOf(row));
  // The name of a member of a high row looks like the word of a link.
  a.records.setMore(row, memberWord(60_000, 6));
  expect(readLink(b.records, { row, generation })).toBe(null);
});

test('a link is over with the error of the one before it, though that was recycled while somebody looked', () => {
  const { rooms, bury } = mourners();
  const [a, b, c] = rooms;
  const payloads = [single(c), single(c), single(c)] as const;
  const [p0, p1, p2] = payloads;
  const first = FenceChain.append(domainOf(a), null, seenIn(a, p0), 1).recordIn();
  const oldest = b.containers.at(first);
  const second = FenceChain.append(domainOf(b), oldest, seenIn(b, p1), 2);
  const third = FenceChain.append(domainOf(b), second, seenIn(b, p2), 3);
  const seen = seenIn(c, third);
  bury(a);
  for (const payload of payloads) c.signal(payload);
  const { outcomeOf } = c.records;
  c.records.outcomeOf = (row, generation) => {
    if (row === first.row) {
      c.records.outcomeOf = outcomeOf;
      expect([second.signaled, oldest.error]).toEqual([true, 'EOWNERDEAD']);
      expect(b.records.isHeld(row, b.records.agentWords)).toBe(false);
      b.records.recycle(row, b.records.stateOf(row));
    }
    return outcomeOf.call(c.records, row, generation);
  };
  expect(seen.error).toBe('EOWNERDEAD');
});

test('of a set that failed, and whose points nobody knows any more, the end goes on', () => {
  const { rooms, bury } = mourners();
  const [a, b, c] = rooms;
  const points = [single(c), single(c)];
  const set = Fence.all(points.map((point) => seenIn(a, point)));
  const [name, { row }] = [set.toJSON(), set.recordIn(a.containers)];
  const known = seenIn(b, set); // keeps the record
  bury(a);
  eachMemberRow(c.records, c.records.moreOf(row), recycleMembers);
  const unknown = Fence.from(domainOf(c), name) as FenceSet;
  expect([[...unknown], unknown.error, known.signaled]).toEqual([[], 'EOWNERDEAD', true]);
  expect(Fence.all([unknown, Fence.done]).error).toBe('EOWNERDEAD');
  expect(Fence.any([unknown, single(c)]).error).toBe('EOWNERDEAD');
});
