// SPDX-License-Identifier: MIT
/** A container can fail though nothing that is known of it has: its maker died. That must not get lost with its name. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type AnyFence, Fence, FenceChain, type FenceSet } from '../../../src/fence/index.js';
import { importSyncFile, SyncFile } from '../../../src/sync/index.js';
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

const single = ({ fences }: Rig): Fence => fences.create(fences.contexts(), 1);
const seenIn = <T extends AnyFence>(rig: Rig, fence: T): T => Fence.from(rig, fence.toJSON()) as T;

/** A chain of b that goes through a link of a, which is dead; the newest payload is pending. */
function throughTheDead(): { readonly chain: FenceChain; readonly payload: Fence } {
  const [old, payload] = [single(c), single(c)];
  const first = FenceChain.append(a, null, seenIn(a, old), 1);
  const chain = FenceChain.append(b, seenIn(b, first), seenIn(b, payload), 2);
  all.bury(a);
  return { chain, payload };
}

/** A set of a, which is dead; its points are pending. */
function ofTheDead(mode: 'all' | 'any'): {
  readonly name: ReturnType<FenceSet['toJSON']>;
  readonly points: readonly Fence[];
} {
  const points = [single(c), single(c)];
  const name = Fence[mode](points.map((point) => seenIn(a, point))).toJSON();
  return { name, points };
}

describe('a chain that goes through a link of the dead', () => {
  test.each(['before', 'after'])('fails in who is sent it %s it is over', (when) => {
    const { chain, payload } = throughTheDead();
    const file = SyncFile.create(b, chain);
    if (when === 'after') c.fences.signal(payload);
    const theirs = SyncFile.open(c, file.share());
    c.fences.signal(payload);
    expect([file.status, theirs.status]).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
  });

  test('makes the buffer fail that it is imported into', async () => {
    const { chain, payload } = throughTheDead();
    const buf = b.alloc();
    await importSyncFile(buf, SyncFile.create(b, chain), 'write');
    c.fences.signal(payload);
    expect(await codeOf(buf.cpuAccess('read'))).toBe('EOWNERDEAD');
  });

  test('fails as a part of all()', () => {
    const { chain, payload } = throughTheDead();
    const both = Fence.all([chain, Fence.done]);
    expect(both.signaled).toBe(false);
    c.fences.signal(payload);
    expect(both.error).toBe('EOWNERDEAD');
  });
});

describe.each(['all', 'any'] as const)('a set of %s, whose maker is dead', (mode) => {
  test.each(['before', 'after'])('opened %s that, fails in who is sent it', (when) => {
    const { name, points } = ofTheDead(mode);
    const early = Fence.from(b, name);
    if (when === 'before') all.bury(a);
    else {
      all.bury(a);
      expect(early.error).toBe('EOWNERDEAD');
    }
    const set = when === 'before' ? early : Fence.from(c, name);
    const file = SyncFile.create(when === 'before' ? b : c, set);
    const share = file.share();
    const theirs = SyncFile.open(when === 'before' ? c : b, share);
    for (const point of points) c.fences.signal(point);
    expect([file.status, theirs.status]).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
  });
});
