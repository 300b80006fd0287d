// SPDX-License-Identifier: MIT
/** Who is in a domain: spawning, adopting, watching, killing. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { DmaBufError, Domain, type DomainEventMap, type DomainHandle } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor, WAYS } from './support/actor.js';
import { parked } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

const script = (file: string): URL => new URL(`./workers/${file}`, import.meta.url);

describe('spawn', () => {
  test('resolves with a member that has joined under its name, with its data', () =>
    withDomain({ name: 'studio' }, async (domain) => {
      const actor = await Actor.start(domain, 'members.mjs', 'report', { depth: [1, { two: 3 }] });
      const { member } = actor;
      expect(member.as).toBe('thread');
      expect(member.host).toBeInstanceOf(Worker);
      expect(domain.members).toEqual([member]);
      expect(domain.snapshot().members.map(({ name }) => name)).toEqual(['main', member.name]);
      expect(await actor.hear('report')).toEqual({
        agent: member.name,
        name: 'studio',
        threadId: member.id,
        data: { scene: 'report', depth: [1, { two: 3 }] },
      });
      actor.tell('end');
      expect(await member.gone).toMatchObject({ clean: true });
      expect(domain.members).toEqual([]);
    }));

  test('names those that nobody named, each differently', () =>
    withDomain({}, async (domain) => {
      const data = { scene: 'live' };
      const one = await domain.spawn(script('members.mjs'), { data });
      const two = await domain.spawn(script('members.mjs'), { data });
      expect(one.name).not.toBe(two.name);
      await Promise.all([one.kill(), two.kill()]);
    }));

  test('refuses the name of one that lives or starts, until it is gone: EEXIST', () =>
    withDomain({}, async (domain) => {
      const spawn = (name: string) =>
        domain.spawn(script('members.mjs'), { name, data: { scene: 'live' } });
      const taken = { code: 'EEXIST', op: 'Domain.spawn', at: { name: 'blur' } };
      const starting = spawn('blur');
      await expect(spawn('blur')).rejects.toMatchObject(taken);
      const member = await starting;
      await expect(spawn('blur')).rejects.toMatchObject(taken);
      await expect(spawn(domain.agent)).rejects.toMatchObject({ code: 'EEXIST' });
      expect(domain.members).toEqual([member]);
      await member.kill();
      await (await spawn('blur')).kill();
    }));

  test('refuses the name of one that somebody else started', () =>
    withDomain({}, async (domain) => {
      const actor = await Actor.start(domain, 'members.mjs', 'starter');
      await actor.hear('started');
      const failed = domain.spawn(script('members.mjs'), { name: 'grandchild' });
      await expect(failed).rejects.toMatchObject({ code: 'EEXIST' });
      await actor.member.kill();
    }));

  test('names nobody as somebody was named before', () =>
    withDomain({}, async (domain) => {
      const data = { scene: 'live' };
      const named = await domain.spawn(script('members.mjs'), { name: 'worker-1', data });
      const unnamed = await domain.spawn(script('members.mjs'), { data });
      expect(unnamed.name).not.toBe('worker-1');
      await Promise.all([named.kill(), unnamed.kill()]);
    }));

  test('refuses data that cannot be posted, says what to do, and leaves nothing behind', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(1);
      const listening = process.listenerCount('exit');
      for (const data of [{ buf }, { port: () => {} }, Symbol('x')] as never[]) {
        const failed = domain.spawn(script('members.mjs'), { name: 'same', data });
        await expect(failed).rejects.toMatchObject({ code: 'EINVAL', op: 'Domain.spawn' });
        await expect(failed).rejects.toThrow(/data must be JSON: .*could not be cloned/);
      }
      const posted = domain.spawn(script('members.mjs'), { data: { buf } as never });
      await expect(posted).rejects.toThrow(/post buf\.share\(\)/);
      expect(process.listenerCount('exit')).toBe(listening);
      expect(domain.members).toEqual([]);
    }));

  test('rejects with EIO and the cause when the platform starts no thread', () =>
    withDomain({}, async (domain) => {
      const failed = domain.spawn(new URL('https://example.org/worker.mjs'));
      await expect(failed).rejects.toMatchObject({ code: 'EIO', cause: expect.any(TypeError) });
      expect(domain.members).toEqual([]);
    }));

  test('rejects with ETIMEDOUT when the script never joins, and its thread is gone', () =>
    withDomain({}, async (domain) => {
      const failed = domain.spawn(script('never-joins.mjs'), { timeout: 30 });
      await expect(failed).rejects.toMatchObject({ code: 'ETIMEDOUT', op: 'Domain.spawn' });
      expect(domain.members).toEqual([]);
    }));

  test("rejects with the signal's reason when it is aborted, and the thread is gone", () =>
    withDomain({}, async (domain) => {
      const control = new AbortController();
      const { signal } = control;
      const failed = domain.spawn(script('never-joins.mjs'), { signal });
      const reason = new Error('not needed any more');
      control.abort(reason);
      await expect(failed).rejects.toBe(reason);
      expect(domain.members).toEqual([]);
      await expect(domain.spawn(script('never-joins.mjs'), { signal })).rejects.toBe(reason);
    }));

  test('rejects with EIO and the cause when the script fails first', () =>
    withDomain({}, async (domain) => {
      const failed = await domain.spawn(script('import-throws.mjs')).catch((e: unknown) => e);
      expect(DmaBufError.is(failed, 'EIO')).toBe(true);
      const { cause } = failed as DmaBufError;
      expect(cause).toBeInstanceOf(TypeError);
      expect(cause).toMatchObject({ message: 'no such codec', code: 'ERR_NO_CODEC' });
      expect((cause as Error).stack).toContain('import-throws.mjs');
      expect(domain.members).toEqual([]);
    }));

  test('rejects with EIO and the exit code when the script ends first', () =>
    withDomain({}, async (domain) => {
      const failed = domain.spawn(script('ends-first.mjs'));
      await expect(failed).rejects.toMatchObject({ code: 'EIO' });
      await expect(failed).rejects.toThrow(/exit code 7/);
    }));

  test('rejects with EIO, caused by ENFILE, when all slots are taken', () =>
    withDomain({ limits: { agents: 2 } }, async (domain) => {
      const first = await Actor.start(domain, 'members.mjs', 'live');
      const failed = await domain.spawn(script('members.mjs')).catch((e: unknown) => e);
      expect(DmaBufError.is(failed, 'EIO')).toBe(true);
      const { cause } = failed as DmaBufError;
      expect(cause).toMatchObject({ code: 'ENFILE', op: 'Domain.join', at: { limit: 2 } });
      expect((cause as Error).message).toContain('limits.agents');
      expect(DmaBufError.is(cause, 'ENFILE')).toBe(true);
      await first.member.kill();
      const again = await Actor.start(domain, 'members.mjs', 'live');
      await again.member.kill();
    }));

  test('refuses what is no script, and what is no time-out', () =>
    withDomain({}, async (domain) => {
      await expect(domain.spawn('worker.mjs')).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(domain.spawn(script('missing.mjs'))).rejects.toMatchObject({ code: 'ENOENT' });
      const late = domain.spawn(script('never-joins.mjs'), { timeout: -1 });
      await expect(late).rejects.toMatchObject({ code: 'EINVAL' });
      const process = domain.spawn(script('members.mjs'), { as: 'process' });
      await expect(process).rejects.toMatchObject({ code: 'ENOTSUP' });
      expect(domain.members).toEqual([]);
    }));

  test('a member may spawn, and takes its own members with it when it leaves', () =>
    withDomain({}, async (domain) => {
      const actor = await Actor.start(domain, 'members.mjs', 'starter');
      expect(await actor.hear('started')).toBe('grandchild');
      const names = (): string[] => domain.snapshot().members.map(({ name }) => name);
      expect(names()).toEqual(['main', actor.name, 'grandchild']);
      actor.tell('end');
      await actor.finished();
      expect(names()).toEqual(['main']);
    }));

  test('a member that is killed takes its own threads with it, and they are recovered', () =>
    withDomain({}, async (domain) => {
      const actor = await Actor.start(domain, 'members.mjs', 'starter');
      await actor.hear('started');
      await actor.member.kill();
      // Node ends the threads of a thread first; nobody here watched the grandchild.
      expect(domain.snapshot().members.map(({ name }) => name)).toEqual(['main']);
    }));
});

describe('kill', () => {
  test('is harmless when repeated, and when the member is dead', () =>
    withDomain({}, async (domain) => {
      const { member } = await Actor.start(domain, 'members.mjs', 'live');
      await Promise.all([member.kill(), member.kill()]);
      await member.kill();
      expect(await member.gone).toMatchObject({ clean: false });
      const other = await Actor.start(domain, 'members.mjs', 'live');
      other.tell('end');
      await other.finished();
      await other.member.kill();
      expect(await other.member.gone).toMatchObject({ clean: true });
    }));

  test('of one member leaves the others alone', () =>
    withDomain({}, async (domain) => {
      const one = await Actor.start(domain, 'members.mjs', 'live');
      const two = await Actor.start(domain, 'members.mjs', 'live');
      await one.member.kill();
      expect(domain.members).toEqual([two.member]);
      two.tell('end');
      await two.finished();
    }));
});

describe('the death of a member', () => {
  for (const way of WAYS) {
    test(`by ${way} is told once, with what it had`, () =>
      withDomain({}, async (domain) => {
        using one = domain.alloc(4096);
        using two = domain.alloc(4096);
        const lost: DomainEventMap['member-lost'][] = [];
        domain.on('member-lost', (event) => lost.push(event));
        const buffers = [one.share(), two.share()];
        const actor = await Actor.start(domain, 'members.mjs', 'owner', { buffers });
        await actor.hear('ready');
        const { clean, reason } = await actor.die(way);
        expect(clean).toBe(false);
        expect(reason).not.toBe('');
        if (way === 'process.exit') expect(reason).toContain('3');
        if (way === 'throw') expect(reason).toContain('told to throw');
        const { name: member } = actor;
        expect(lost).toEqual([{ member, reason, locks: 2, fences: 3, buffers: 2 }]);
        for (const buf of [one, two]) {
          using lock = await buf.resv.lock({ recover: true });
          expect(lock.ownerDied).toBe(true);
          lock.markConsistent();
        }
      }));
  }

  test('is no loss when it left by itself', () =>
    withDomain({}, async (domain) => {
      const lost: unknown[] = [];
      domain.on('member-lost', (event) => lost.push(event));
      const actor = await Actor.start(domain, 'members.mjs', 'live');
      actor.tell('end');
      await actor.finished();
      expect(lost).toEqual([]);
    }));
});

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

  test('twice in a worker makes two agents; the first outlives the second', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      const data = { leave: true, buffers: [buf.share()] };
      const actor = await Actor.start(domain, 'members.mjs', 'twice', data);
      await actor.hear('joined');
      expect(domain.snapshot().members).toHaveLength(3);
      actor.tell('leave');
      await actor.hear('left');
      expect(domain.snapshot().members).toHaveLength(2);
      actor.tell('end');
      await actor.finished();
    }));

  for (const way of WAYS) {
    test(`twice in a worker that dies by ${way}: both agents are recovered`, () =>
      withDomain({}, async (domain) => {
        using buf = domain.alloc(4096);
        const data = { leave: false, buffers: [buf.share()] };
        const actor = await Actor.start(domain, 'members.mjs', 'twice', data);
        await actor.hear('joined');
        actor.tell('stay');
        await actor.die(way);
        expect(domain.snapshot().members.map(({ name }) => name)).toEqual(['main']);
        expect(domain.snapshot().buffers.map(({ refs }) => refs)).toEqual([{ main: 1 }]);
      }));
  }
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

describe('close', () => {
  test('kills those that were spawned and leaves adopted ones alone', async () => {
    const domain = await Domain.create({ heap: 2 ** 20 });
    const spawned = await Actor.start(domain, 'members.mjs', 'live');
    const { handle } = domain;
    const worker = new Worker(script('pool-worker.mjs'), { workerData: { handle } });
    worker.postMessage('join');
    await once(worker, 'message');
    domain.adopt(worker);
    await domain.close();
    expect(await spawned.member.gone).toMatchObject({ clean: false });
    const exited = once(worker, 'exit');
    worker.postMessage('end');
    expect(await exited).toEqual([0]);
  });

  test('is harmless when repeated, and everything afterwards is ESTALE', async () => {
    const domain = await Domain.create({ heap: 2 ** 20 });
    await Promise.all([domain.close(), domain.close()]);
    await domain.close();
    const stale = { code: 'ESTALE' };
    expect(() => domain.alloc(1)).toThrow(expect.objectContaining(stale));
    expect(() => domain.snapshot()).toThrow(expect.objectContaining(stale));
    await expect(domain.spawn(script('members.mjs'))).rejects.toMatchObject(stale);
    await expect(domain.lockAll([])).rejects.toMatchObject(stale);
  });

  test('reports what is still open here, and waits that are pending end with ESTALE', async () => {
    const domain = await Domain.create({ heap: 2 ** 20, debug: true });
    const leaks: DomainEventMap['leak'][] = [];
    domain.on('leak', (leak) => leaks.push(leak));
    const buf = domain.alloc(4096);
    await buf.resv.lock();
    const waits = [
      domain.channel('nothing comes').receive(),
      buf.resv.lock(),
      buf.resv.lock({ timeout: 60_000 }),
      domain.lockAll([buf]),
    ].map((wait) => expect(wait).rejects.toMatchObject({ code: 'ESTALE' }));
    await parked();
    await domain.close();
    await Promise.all(waits);
    expect(leaks.map(({ kind }) => kind)).toContain('DmaBuf');
    expect(leaks.find(({ kind }) => kind === 'DmaBuf')?.stack).toContain('members.test.ts');
  });
});
