// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { openShare } from '../../../src/buf/index.js';
import { nth, rejected, rigs, thrown } from './rig.js';

describe('names', () => {
  it('a new name shows in every agent, at once', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1);
    const theirs = openShare(b.buffers, 'open', buf.share());
    expect(theirs.name).toBeNull();
    for (const name of ['first', 'second', '', 'größer']) {
      await buf.setName(name);
      expect(theirs.name).toBe(name);
    }
  });

  it('31 bytes fit, 32 are refused, and nothing is ever cut', async () => {
    const { heap } = nth(rigs(1), 0);
    const fits = `${'ü'.repeat(15)}x`;
    const buf = heap.alloc(1, { name: fits });
    expect(buf.name).toBe(fits);
    expect(await rejected(buf.setName('ü'.repeat(16)))).toMatchObject({ code: 'EINVAL' });
    expect(await rejected(buf.setName(7 as unknown as string))).toMatchObject({ code: 'EINVAL' });
    expect(buf.name).toBe(fits);
    expect(thrown(() => heap.alloc(1, { name: 'x'.repeat(32) }))).toMatchObject({ code: 'EINVAL' });
    expect(heap.used).toBe(4096);
  });

  it('the name cannot change while anybody is attached, in whichever agent', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1, { name: 'before' });
    const theirs = openShare(b.buffers, 'open', buf.share());
    const attachments = [theirs.attachSync('x'), theirs.attachSync('y')];
    for (const attachment of attachments) {
      expect(await rejected(buf.setName('after'))).toMatchObject({ code: 'EBUSY' });
      await attachment.detach();
    }
    await buf.setName('after');
    expect(theirs.name).toBe('after');
  });

  it('reading a name takes no lock, writing it waits for the lock', async () => {
    const { heap } = nth(rigs(1), 0);
    const buf = heap.alloc(1, { name: 'before' });
    const lock = buf.resv.tryLock();
    const renaming = buf.setName('after');
    expect(buf.name).toBe('before');
    expect(await rejected(buf.setName('never', { timeout: 0 }))).toMatchObject({
      code: 'ETIMEDOUT',
    });
    lock?.unlock();
    await renaming;
    expect(buf.name).toBe('after');
  });

  it('a lock holder that died does not prevent a new name, and stays known', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1);
    const theirs = openShare(b.buffers, 'open', buf.share());
    expect(theirs.resv.tryLock()?.held).toBe(true);
    all.bury(b);
    await buf.setName('mine');
    expect(buf.name).toBe('mine');
    expect(await rejected(buf.resv.lock())).toMatchObject({ code: 'EOWNERDEAD' });
  });
});
