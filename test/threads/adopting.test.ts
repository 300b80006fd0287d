// SPDX-License-Identifier: MIT
/** Threads that somebody else starts: they join by the handle of the domain, and are watched when they are adopted. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type DmaBufError, Domain, type DomainEventMap, type DomainHandle } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { HOST } from './support/host.js';
import { withDomain } from './support/with-domain.js';

const script = (file: string): URL => new URL(`./workers/${file}`, import.meta.url);

describe('join', () => {
  test('without a domain is ENOENT', async () => {
    await expect(Domain.join()).rejects.toMatchObject({ code: 'ENOENT', op: 'Domain.join' });
  });

  test('with what is no handle is EINVAL, with memory of something else EPROTO', () =>
    withDomain({}, async ({ handle }) => {
      const join = (from: unknown): Promise<Domain> => Domain.join(from as DomainHandle);
      for (const garbage of [null, 1, {}, [], { ...handle, arena: new ArrayBuffer(64) }]) {
        await expect(join(garbage)).rejects.toMatchObject({ code: 'EINVAL' });
      }
      for (const bytes of [0, 4, 64, handle.arena.byteLength]) {
        const arena = new SharedArrayBuffer(bytes);
        await expect(join({ ...handle, arena })).rejects.toMatchObject({ code: 'EPROTO' });
      }
      const swapped = { ...handle, arena: handle.heap, heap: handle.arena };
      await expect(join(swapped)).rejects.toMatchObject({ code: 'EPROTO' });
    }));

  test('of a domain of another layout is EPROTONOSUPPORT', () =>
    withDomain({}, async ({ handle }) => {
      // The head of an arena says what it is; whatever word is damaged, nobody joins it.
      const codes = new Set<string>();
      for (let word = 0; word < 16; word++) {
        const arena = new SharedArrayBuffer(handle.arena.byteLength);
        const head = new Int32Array(arena, 0, 64);
        head.set(new Int32Array(handle.arena, 0, 64));
        head[word] = (head[word] ?? 0) ^ 0x5a5a;
        const outcome = await Domain.join({ ...handle, arena }).catch((e: unknown) => e);
        if (outcome instanceof Domain) await outcome.close();
        else codes.add((outcome as DmaBufError).code);
      }
      // Where the damage is none: of a process, this copy knows no station.
      if (HOST === 'process') expect(codes.delete('ESTALE')).toBe(true);
      expect([...codes].toSorted()).toEqual(['EPROTO', 'EPROTONOSUPPORT']);
    }));

  test('from the thread that made the domain is a second agent of it', () =>
    withDomain({}, async (domain) => {
      const second = await Domain.join(domain.handle);
      const mine = domain.alloc(4096);
      const theirs = await second.open(mine.share());
      expect(theirs.id).toBe(mine.id);
      mine.close();
      expect(domain.snapshot().buffers).toHaveLength(1);
      theirs.close();
      await second.close();
    }));
});

describe('adopt', () => {
  async function poolWorker(domain: Domain): Promise<Worker> {
    const { handle } = domain;
    return new Worker(script('pool-worker.mjs'), { workerData: { handle } });
  }

  test('watches a worker that others started: before or after it joined', () =>
    withDomain({}, async (domain) => {
      for (const early of [true, false]) {
        const worker = await poolWorker(domain);
        const before = early ? domain.adopt(worker) : null;
        worker.postMessage('join');
        await once(worker, 'message');
        const member = before ?? domain.adopt(worker);
        expect(member.id).toBe(worker.threadId);
        expect(member.host).toBe(worker);
        expect(domain.members).toEqual([member]);
        const seen = domain.snapshot().members.find(({ id }) => id === member.id);
        expect(seen?.watched).toBe(true);
        worker.postMessage('end');
        expect(await member.gone).toMatchObject({ clean: true });
        expect(domain.members).toEqual([]);
      }
    }));

  test('recovers what it had when the worker is terminated by its own pool', () =>
    withDomain({}, async (domain) => {
      const lost: DomainEventMap['member-lost'][] = [];
      domain.on('member-lost', (event) => lost.push(event));
      const worker = await poolWorker(domain);
      worker.postMessage('join');
      await once(worker, 'message');
      const member = domain.adopt(worker);
      expect(domain.snapshot().buffers).toHaveLength(1);
      void worker.terminate();
      expect(await member.gone).toMatchObject({ clean: false });
      expect(domain.snapshot().buffers).toEqual([]);
      expect(lost).toMatchObject([{ member: member.name, buffers: 1 }]);
    }));

  test('twice is the same member, and its death is told once', () =>
    withDomain({}, async (domain) => {
      const lost: unknown[] = [];
      domain.on('member-lost', (event) => lost.push(event));
      const worker = await poolWorker(domain);
      const member = domain.adopt(worker);
      expect(domain.adopt(worker)).toBe(member);
      worker.postMessage('join');
      await once(worker, 'message');
      expect(domain.adopt(worker)).toBe(member);
      await member.kill();
      expect(lost).toHaveLength(1);
    }));

  test('a worker that was not adopted shows as unwatched, and is recovered by whoever looks', () =>
    withDomain({}, async (domain) => {
      const worker = await poolWorker(domain);
      worker.postMessage('join');
      const [name] = (await once(worker, 'message')) as [string];
      const seen = domain.snapshot().members.find((member) => member.name === name);
      expect(seen?.watched).toBe(false);
      await worker.terminate();
      // A blocking wait looks for the dead in each slice.
      using lane = domain.channel('nothing comes');
      expect(() => lane.receiveSync({ timeout: 250 })).toThrow(/ETIMEDOUT/);
      expect(domain.snapshot().buffers).toEqual([]);
    }));

  test('refuses what is no Worker, and one that has ended', () =>
    withDomain({}, async (domain) => {
      const adopt = (worker: unknown) => () => domain.adopt(worker as Worker);
      for (const garbage of [null, undefined, {}, 'worker', { on() {} }]) {
        expect(adopt(garbage)).toThrow(/EINVAL/);
      }
      const worker = await poolWorker(domain);
      await worker.terminate();
      expect(adopt(worker)).toThrow(/EINVAL/);
    }));
});

test('close leaves adopted ones alone', async () => {
  const domain = await Domain.create({ heap: 2 ** 20 });
  const { handle } = domain;
  const worker = new Worker(script('pool-worker.mjs'), { workerData: { handle } });
  worker.postMessage('join');
  await once(worker, 'message');
  domain.adopt(worker);
  await domain.close();
  const exited = once(worker, 'exit');
  worker.postMessage('end');
  expect(await exited).toEqual([0]);
});
