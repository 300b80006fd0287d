// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest';
import { setBit } from '../../../src/agent/index.js';
import { type AnyFence, Fence, FenceChain } from '../../../src/fence/index.js';
import { SyncFile, type SyncShare } from '../../../src/sync/index.js';
import { SyncFileLayout } from '../../../src/sync/layout.js';
import { codeOf } from '../fence/rooms.js';
import { nth, type Rig, type Rigs, rigs } from './rig.js';

let all: Rigs;
let a: Rig;
let b: Rig;
let c: Rig;
beforeEach(() => {
  all = rigs(3);
  [a, b, c] = [nth(all, 0), nth(all, 1), nth(all, 2)];
});

const opened = (error: string): RegExp => new RegExp(`^ESTALE: SyncFile.open: .*${error}`);
const overJson = (share: SyncShare): SyncShare => JSON.parse(JSON.stringify(share)) as SyncShare;

describe('a share', () => {
  test('is plain JSON, and one more reference to the same sync file, which outlives the first', () => {
    const timeline = a.fences.timeline('gpu');
    const file = SyncFile.create(a, timeline.next(), 'frame');
    const share = overJson(file.share());
    file.close();
    const theirs = SyncFile.open(b, share);
    expect([theirs.id, theirs.name, theirs.status]).toEqual([file.id, 'frame', 0]);
    timeline.signal(1);
    expect(theirs.status).toBe(1);
    expect(a.syncFiles.rows.count).toBe(1);
    theirs.close();
    a.syncFiles.tickets.sweep();
    expect(a.syncFiles.rows.count).toBe(0);
  });

  test('without a name it is named after its fence there, too', () => {
    const timeline = a.fences.timeline('gpu');
    const theirs = SyncFile.open(b, SyncFile.create(a, timeline.next()).share());
    expect(theirs.name).toBe(`dmabuf-gpu${timeline.id}-1`);
    timeline.close();
    expect(theirs.name).toBe(`dmabuf-gpu${timeline.id}-1`);
  });

  test('of a chain is over when all of its links are', async () => {
    const [left, right] = [a.fences.timeline('l'), a.fences.timeline('r')];
    const first = FenceChain.append(a, null, left.next(), 1);
    const file = SyncFile.create(a, FenceChain.append(a, first, right.next(), 2));
    const theirs = SyncFile.open(b, file.share());
    expect([theirs.info().count, theirs.name]).toEqual([2, file.name]);
    const wait = theirs.wait();
    right.signal(1);
    expect(theirs.poll()).toBe(false);
    left.signal(1);
    await wait;
    expect([theirs.status, file.status]).toEqual([1, 1]);
  });

  test('the sender may open its own', () => {
    const file = SyncFile.create(a, a.fences.timeline('gpu').next());
    const again = SyncFile.open(a, file.share());
    expect(again.fence).toBe(file.fence);
    again.close();
    file.close();
    expect(a.syncFiles.rows.count).toBe(0);
  });

  test('can be passed on by who has opened it', () => {
    const timeline = a.fences.timeline('gpu');
    const file = SyncFile.create(a, timeline.next());
    const second = SyncFile.open(b, file.share());
    const third = SyncFile.open(c, second.share());
    second.close();
    expect([third.id, a.syncFiles.rows.count]).toEqual([file.id, 1]);
    timeline.fail(1, 'EIO');
    expect(third.status).toBe('EIO');
  });

  test('opens once, and can be taken back until then', () => {
    const file = SyncFile.create(a, Fence.done);
    const [one, two] = [file.share(), file.share()];
    SyncFile.open(b, one).close();
    expect(() => SyncFile.open(c, one)).toThrow(opened('opened already'));
    expect([file.revoke(one), file.revoke(two), file.revoke(two)]).toEqual([false, true, false]);
    expect(() => SyncFile.open(c, two)).toThrow(opened('revoked'));
    file.close();
    expect(a.syncFiles.rows.count).toBe(0);
  });

  test('what is none, or of something else, is refused', async () => {
    const share = SyncFile.create(a, Fence.done).share();
    const open = (given: unknown): Promise<unknown> =>
      codeOf(() => SyncFile.open(b, given as SyncShare));
    for (const wrong of [null, {}, 1, { ...share, id: 'x' }]) {
      expect(await open(wrong)).toBe('EINVAL');
    }
    expect(await open({ ...share, dmabuf: 'share' })).toBe('EINVAL');
    expect(await open({ ...share, domain: 'other' })).toBe('EXDEV');
    expect(await open({ ...share, ticket: 99_999 })).toBe('EINVAL');
    expect(await open({ ...share, id: share.id + 1 })).toBe('EINVAL');
    expect(await open(a.alloc().share())).toBe('EINVAL');
    expect(await open(share)).toBe('no error');
  });

  test('what cannot be said who it is for is refused, and nothing is sent', async () => {
    const file = SyncFile.create(a, Fence.done);
    expect(await codeOf(() => file.share({ to: {} as never }))).toBe('EINVAL');
    expect(await codeOf(() => file.share(null as never))).toBe('EINVAL');
    file.close();
    expect(a.syncFiles.rows.count).toBe(0);
  });

  test('of a set of very many points is one fence for them, in the end with its error, too', async () => {
    const left = a.fences.timeline('left');
    const points = Array.from({ length: 40 }, () => left.next());
    const file = SyncFile.create(a, Fence.all(points));
    const early = SyncFile.open(b, file.share());
    left.fail(points.at(-1) as Fence, 'EIO');
    left.signal(points.at(-2) as Fence);
    await early.wait();
    expect([early.fence.signaled, early.fence.error]).toEqual([true, 'EIO']);
    const late = SyncFile.open(b, SyncFile.create(a, Fence.all(points)).share());
    expect([late.fence.signaled, late.fence.error]).toEqual([true, 'EIO']);
  });

  test('of a set names all of its points, with its mode', () => {
    const [left, right] = [a.fences.timeline('l'), a.fences.timeline('r')];
    const points = [left.next(), right.next()];
    const every = SyncFile.open(b, SyncFile.create(a, Fence.all(points)).share());
    const first = SyncFile.open(b, SyncFile.create(a, Fence.any(points)).share());
    expect(every.info().count).toBe(2);
    right.signal(1);
    expect([every.poll(), first.poll()]).toEqual([false, true]);
    left.signal(1);
    expect(every.poll()).toBe(true);
  });

  test('a table that is full says so, and nothing stays behind', async () => {
    const small = nth(rigs(1, { buffers: 2 }), 0);
    const files = [0, 1, 2].map(() => SyncFile.create(small, Fence.done));
    files[0]?.share();
    files[1]?.share();
    await expect(codeOf(() => files[2]?.share())).resolves.toBe('ENFILE');
    files[0]?.close();
    expect(small.syncFiles.rows.count).toBe(2);
  });
});

describe('a row', () => {
  test('of a former life is nobody’s: who comes too late leaves no trace', () => {
    const first = SyncFile.create(a, Fence.done, 'first');
    const late = overJson(first.share());
    first.revoke(late);
    first.close();
    const second = SyncFile.create(a, Fence.done, 'second');
    second.share();
    expect(b.syncFiles.adopt(0, 1)).toBe(null);
    expect(b.syncFiles.adopt(0, 2)?.name).toBe('second');
  });

  test('is not given up twice by who has left: its slot is somebody else’s', () => {
    const file = SyncFile.create(a, Fence.done);
    const theirs = SyncFile.open(b, file.share());
    a.syncFiles.tickets.sweep();
    b.leave();
    const { words } = a.self.arena;
    const bits = a.syncFiles.rows.at(0) + SyncFileLayout.at.agents;
    setBit(words, bits, b.self.slot); // the next one in the slot opens it
    theirs.close();
    file.close();
    expect(a.syncFiles.rows.count).toBe(1);
  });

  test('of a ticket is somebody else’s when its sender has left: taking it back is too late', () => {
    const file = SyncFile.create(a, Fence.done);
    const mine = file.share();
    a.leave();
    const theirs = SyncFile.create(b, Fence.done);
    const again = theirs.share();
    expect(again.ticket).toBe(mine.ticket);
    const held = SyncFile.open(c, again);
    expect(file.revoke(mine)).toBe(false);
    theirs.close();
    held.close();
    b.syncFiles.tickets.sweep();
    expect(b.syncFiles.rows.count).toBe(0);
  });

  test('is free again though no ticket was to be had', async () => {
    const small = nth(rigs(1, { buffers: 2 }), 0);
    const file = SyncFile.create(small, Fence.done);
    const shares = [file.share(), file.share()];
    expect(await codeOf(() => file.share())).toBe('ENFILE');
    for (const share of shares) expect(file.revoke(share)).toBe(true);
    file.close();
    expect(small.syncFiles.rows.count).toBe(0);
  });
});

describe('an error', () => {
  /** So many fences that every row that may be used again is. */
  const recycle = (rig: Rig): void => {
    const timeline = rig.fences.timeline('churn');
    for (let n = 0; n < 5000; n++) timeline.signal(timeline.next());
  };

  test('of a fence that failed before the share was made is learnt by who opens it', () => {
    const timeline = a.fences.timeline('gpu');
    const point = timeline.next();
    timeline.fail(point, 'EIO');
    recycle(a);
    const share = SyncFile.create(a, point).share();
    recycle(a);
    expect(SyncFile.open(b, share).status).toBe('EIO');
  });

  test('of a fence that fails while the share is on its way, too', () => {
    const timeline = a.fences.timeline('gpu');
    const file = SyncFile.create(a, timeline.next());
    const share = file.share();
    file.close();
    timeline.fail(1, 'EIO');
    recycle(a);
    const theirs = SyncFile.open(b, share);
    recycle(a);
    expect(theirs.status).toBe('EIO');
    expect(SyncFile.open(c, theirs.share()).status).toBe('EIO');
  });

  test('of a container that failed with its maker is learnt, though none of its points failed', () => {
    const timeline = c.fences.timeline('gpu');
    const [x, y] = [timeline.next().toJSON(), timeline.next().toJSON()];
    const set = Fence.all([Fence.from(b, x), Fence.from(b, y)]);
    const link = FenceChain.append(b, null, Fence.from(b, x), 1);
    const [known, chain] = [set.toJSON(), link.toJSON()].map((name) => Fence.from(a, name));
    all.bury(b);
    const files = [known, chain].map((fence) => SyncFile.create(a, fence as AnyFence));
    for (const file of files) {
      expect(file.status).toBe('EOWNERDEAD');
      const theirs = SyncFile.open(c, file.share());
      recycle(a);
      expect(theirs.status).toBe('EOWNERDEAD');
    }
  });

  test('is forgotten with the last reference: nothing is kept for nobody', () => {
    const timeline = a.fences.timeline('gpu');
    const file = SyncFile.create(a, timeline.next());
    const { row, generation } = file.fence.leaves[0] as Fence;
    const share = file.share();
    file.close();
    timeline.fail(1, 'EIO');
    recycle(a);
    expect(a.fences.stateOf(row) >>> 12).toBe(generation);
    SyncFile.open(b, share).close();
    a.syncFiles.tickets.sweep();
    recycle(a);
    expect(a.fences.stateOf(row) >>> 12).not.toBe(generation);
  });
});

describe('a death', () => {
  test('of the sender takes back its tickets and its references, and no others', () => {
    const timeline = b.fences.timeline('gpu');
    const file = SyncFile.create(b, timeline.next());
    const theirs = SyncFile.open(a, file.share());
    const unopened = file.share();
    all.bury(b);
    expect(() => SyncFile.open(c, unopened)).toThrow(opened('sender.*gone'));
    expect([theirs.status, a.syncFiles.rows.count]).toEqual(['EOWNERDEAD', 1]);
    theirs.close();
    expect(a.syncFiles.rows.count).toBe(0);
  });

  test('of who has it open leaves the others theirs', () => {
    const file = SyncFile.create(a, a.fences.timeline('gpu').next());
    SyncFile.open(b, file.share());
    all.bury(b);
    expect(a.syncFiles.rows.count).toBe(1);
    file.close();
    a.syncFiles.tickets.sweep();
    expect(a.syncFiles.rows.count).toBe(0);
  });

  test('of who has made a set of others’ points, and shared it, leaves their fences to go on', () => {
    const [left, right] = [a.fences.timeline('l'), c.fences.timeline('r')];
    const names = [left.next().toJSON(), right.next().toJSON()];
    const set = Fence.all(names.map((name) => Fence.from(b, name)));
    const theirs = SyncFile.open(a, SyncFile.create(b, set).share());
    all.bury(b);
    expect([theirs.status, theirs.info().count]).toEqual([0, 2]);
    left.signal(1);
    expect(theirs.status).toBe(0);
    right.fail(1, 'EIO');
    expect(theirs.status).toBe('EIO');
  });

  test('of both frees the row', () => {
    const file = SyncFile.create(b, b.fences.timeline('gpu').next());
    SyncFile.open(c, file.share());
    all.bury(b);
    all.bury(c);
    expect(a.syncFiles.rows.count).toBe(0);
  });

  test('who leaves cleanly gives back what it has, and closing afterwards touches nothing', () => {
    const file = SyncFile.create(a, a.fences.timeline('gpu').next());
    const theirs = SyncFile.open(b, file.share());
    theirs.share();
    b.leave();
    expect(b.leaks).toEqual([{ kind: 'SyncFile', id: file.id }]);
    theirs.close();
    file.close();
    a.syncFiles.tickets.sweep();
    expect(a.syncFiles.rows.count).toBe(0);
  });
});
