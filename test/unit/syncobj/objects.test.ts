// SPDX-License-Identifier: MIT
/** Handles of sync objects, how long objects live, and what is put into them. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type AnyFence, Fence, FenceChain } from '../../../src/fence/index.js';
import { SyncobjClient, type SyncobjFd } from '../../../src/syncobj/index.js';
import { codeOf, seenIn, turn } from '../fence/rooms.js';
import { type Rig, rigs } from './rig.js';

let a: Rig;
let b: Rig;
let client: SyncobjClient;
beforeEach(() => {
  [a, b] = rigs(2) as [Rig, Rig];
  ({ client } = a);
});

describe('a handle', () => {
  it('is of one client, begins at 1, and is never used again', () => {
    const other = new SyncobjClient(a.domain);
    expect([client.create(), client.create(), other.create()]).toEqual([1, 2, 1]);
    client.destroy(2);
    client.destroy(1);
    expect([client.create(), client.handles]).toEqual([3, [3]]);
  });

  it('that was destroyed names nothing: EINVAL to destroy it, ENOENT to use it', async () => {
    const handle = client.create({ signaled: true });
    client.destroy(handle);
    expect(await codeOf(() => client.destroy(handle))).toBe('EINVAL');
    expect(await codeOf(() => client.signal([handle]))).toBe('ENOENT');
    expect(await codeOf(() => client.findFence(handle))).toBe('ENOENT');
    expect(await codeOf(() => client.signal([`${handle}` as never]))).toBe('ENOENT');
  });

  it('takes lists that are arrays', async () => {
    expect(await codeOf(() => client.signal(1 as never))).toBe('EINVAL');
    expect(await codeOf(client.wait(undefined as never))).toBe('EINVAL');
    expect(await codeOf(client.timelineWait([], 1 as never))).toBe('EINVAL');
  });
});

describe('a file', () => {
  it('brings an object to another client, and keeps it when all handles are gone', async () => {
    const other = new SyncobjClient(a.domain);
    const handle = client.create();
    const fd = client.handleToFd(handle);
    client.destroy(handle);
    client.close();
    const [one, two] = [other.fdToHandle(fd), other.fdToHandle(fd)];
    fd.close();
    fd.close();
    other.signal([one]);
    expect([two, await other.wait([two], { timeout: 0 })]).toEqual([2, 0]);
    expect(await codeOf(() => other.fdToHandle(fd))).toBe('ESTALE');
  });

  it('of another agent is EXDEV', async () => {
    using fd = client.handleToFd(client.create());
    expect(await codeOf(() => b.client.fdToHandle(fd))).toBe('EXDEV');
    expect(b.client.handles).toEqual([]);
  });
});

describe('a client', () => {
  it('that was closed answers ESTALE, closing it again nothing', async () => {
    const handle = client.create();
    using fd = client.handleToFd(handle);
    client.close();
    client.close();
    const calls = [
      () => client.create(),
      () => client.destroy(handle),
      () => client.handleToFd(handle),
      () => client.fdToHandle(fd),
      () => client.reset([handle]),
      () => client.signal([handle]),
      () => client.timelineSignal([handle], [1]),
      () => client.replaceFence(handle, null),
      () => client.addPoint(handle, 1, Fence.done),
      () => client.findFence(handle),
      () => client.transfer(handle, 0, handle, 1),
      () => client.query([handle]),
      () => client.wait([handle]),
      () => client.timelineWait([handle], [1]),
      () => client.notify(handle, 0, () => undefined),
    ];
    for (const call of calls)
      expect([String(call), await codeOf(call)]).toEqual([String(call), 'ESTALE']);
    expect([client.closed, client.handles]).toEqual([true, []]);
  });

  it('needs a domain that is open', async () => {
    const make = (domain: unknown) => codeOf(() => new SyncobjClient(domain as never));
    expect([await make(null), await make({ name: 'x' })]).toEqual(['EINVAL', 'EINVAL']);
    a.agent.leave(new Error('over'));
    expect([await make(a.domain), await codeOf(() => client.create())]).toEqual([
      'ESTALE',
      'ESTALE',
    ]);
  });

  it('that nobody closes is reported as a leak, and so is a file; one that was closed is not', async () => {
    const fd = client.handleToFd(client.create());
    const closed = [client.handleToFd(1), new SyncobjClient(a.domain)];
    new SyncobjClient(a.domain).close();
    await turn();
    for (const each of closed) each.close();
    const waiting = codeOf(client.wait([1], { forSubmit: true }));
    a.buffers.close();
    expect(a.leaks.map(({ kind }) => kind)).toEqual(['SyncobjClient', 'SyncobjFd']);
    expect([fd.closed, client.closed, await waiting]).toEqual([false, true, 'ESTALE']);
  });
});

describe('what is put in', () => {
  it('is a fence of this agent, whatever kind it is of; else EINVAL, or EXDEV', async () => {
    const handle = client.create();
    const { fence } = b.job();
    expect(await codeOf(() => client.replaceFence(handle, fence))).toBe('EXDEV');
    expect(await codeOf(() => client.addPoint(handle, 1, fence))).toBe('EXDEV');
    for (const wrong of [undefined, 1, fence.toJSON()]) {
      expect(await codeOf(() => client.replaceFence(handle, wrong as never))).toBe('EINVAL');
    }
    expect(await codeOf(() => client.findFence(handle))).toBe('EINVAL');
    const any = Fence.any([a.job().fence, a.job().fence]);
    client.replaceFence(handle, any);
    expect(client.findFence(handle)).toBe(any);
    client.replaceFence(handle, null);
    expect(await codeOf(() => client.findFence(handle))).toBe('EINVAL');
  });

  it('as a point is no chain, and nothing made by any(); a chain is transferred as its points', async () => {
    const [from, to] = [client.create(), client.create()];
    const [one, two] = [a.job(), a.job()];
    const domain = { name: 'test', agent: 'test', fences: a.fences };
    const chain = FenceChain.append(
      domain,
      FenceChain.append(domain, null, one.fence, 1),
      two.fence,
      2,
    );
    expect(await codeOf(() => client.addPoint(to, 1, chain))).toBe('EINVAL');
    expect(await codeOf(() => client.addPoint(to, 1, Fence.any([one.fence, two.fence])))).toBe(
      'EINVAL',
    );
    client.replaceFence(from, chain);
    client.transfer(from, 2, to, 9);
    two.end();
    expect(client.query([from, to])).toEqual([0, 0]);
    one.end();
    expect(client.query([from, to])).toEqual([2, 9]);
  });

  it('a fence found at a point is what all up to there wait for', () => {
    const handle = client.create();
    const [one, two] = [a.job(), a.job()];
    client.addPoint(handle, 3, one.fence);
    client.addPoint(handle, 5, two.fence);
    const at = (point?: number): AnyFence => client.findFence(handle, point);
    const [three, four, newest] = [at(2), at(4), at()];
    one.end();
    expect([three.signaled, four.signaled, newest.signaled]).toEqual([true, false, false]);
    expect(at(3).signaled).toBe(true);
    two.end();
    expect([four.signaled, newest.signaled, at(4).signaled]).toEqual([true, true, true]);
  });

  it('several times in one call: the points follow each other', () => {
    const handle = client.create();
    client.timelineSignal([handle, handle, handle], [1, 9, 4]);
    expect(client.query([handle], { lastSubmitted: true })).toEqual([9]);
    expect(client.query([handle])).toEqual([9]);
  });

  it('a point behind the last one is that one, and what was before it is waited for all the same', () => {
    const handle = client.create();
    const [one, two] = [a.job(), a.job()];
    client.timelineSignal([handle], [2]);
    client.addPoint(handle, 5, one.fence);
    expect(client.query([handle])).toEqual([2]);
    client.addPoint(handle, 3, two.fence);
    two.end();
    expect(client.query([handle])).toEqual([0]);
    expect(client.query([handle], { lastSubmitted: true })).toEqual([5]);
    one.end();
    expect(client.query([handle])).toEqual([5]);
  });

  it('when there is no room for all of it is not there at all', async () => {
    const [full] = rigs(1, { agents: 1 }) as [Rig];
    const [one, two] = [full.client.create(), full.client.create()];
    full.client.addPoint(one, 1, full.job().fence);
    const pending: Fence[] = [];
    const fill = (): void => {
      for (let seqno = 1; ; seqno++) pending.push(full.fences.create(1, seqno));
    };
    expect(await codeOf(fill)).toBe('ENFILE');
    // Room for the first link, which stays pending, and what it is made of; not for the second one.
    for (const fence of pending.slice(0, 4)) full.fences.signal(fence);
    expect(await codeOf(() => full.client.timelineSignal([one, two], [2, 2]))).toBe('ENFILE');
    expect(full.client.query([one, two], { lastSubmitted: true })).toEqual([1, 0]);
    for (const fence of pending) full.fences.signal(fence);
    full.client.timelineSignal([one, two], [2, 2]);
    expect(full.client.query([one, two], { lastSubmitted: true })).toEqual([2, 2]);
  });

  it('on a timeline of 20 000 points leaves no more records behind than are pending', () => {
    const handle = client.create();
    const rows = new Set<number>();
    for (let point = 1; point <= 20_000; point++) {
      const { fence, end } = a.job();
      rows.add(fence.row);
      client.addPoint(handle, point, fence);
      end();
    }
    expect(client.query([handle])).toEqual([20_000]);
    expect(rows.size).toBeLessThan(1_000);
    expect(a.fences.containers.pending).toBeLessThan(10);
  });

  it('by another agent is seen through its name', async () => {
    const handle = client.create();
    const theirs = b.job();
    client.replaceFence(handle, seenIn(a.fences, theirs.fence));
    const waiting = client.wait([handle]);
    theirs.end();
    expect(await waiting).toBe(0);
  });

  it('objects and their files refuse to be posted, and say what to do', () => {
    using fd: SyncobjFd = client.handleToFd(client.create());
    for (const handle of [client, fd]) {
      expect(() => structuredClone(handle)).toThrow(/cannot be posted: \w+/);
    }
  });
});
