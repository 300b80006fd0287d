// SPDX-License-Identifier: MIT
/** Who is in a domain: spawning, watching, killing. Those that somebody else starts: adopting.test.ts. */
import { ChildProcess } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { DmaBufError, Domain, type DomainEventMap, type Member } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor, WAYS, type Way } from './support/actor.js';
import { HOST, HOSTED } from './support/host.js';
import { parked } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

const script = (file: string): URL => new URL(`./workers/${file}`, import.meta.url);

type Options = Parameters<Domain['spawn']>[1];
const spawn = (domain: Domain, file: string, options: Options = {}): Promise<Member> =>
  domain.spawn(script(file), { as: HOST, ...options });

describe('spawn', () => {
  test('resolves with a member that has joined under its name, with its data', () =>
    withDomain({ name: 'studio' }, async (domain) => {
      const actor = await Actor.start(domain, 'members.mjs', 'report', { depth: [1, { two: 3 }] });
      const { member } = actor;
      expect(member.as).toBe(HOST);
      expect(member.host).toBeInstanceOf(HOST === 'process' ? ChildProcess : Worker);
      expect(domain.members).toEqual([member]);
      expect(domain.snapshot().members.map(({ name }) => name)).toEqual(['main', member.name]);
      expect(await actor.hear('report')).toEqual({
        agent: member.name,
        name: 'studio',
        id: member.id,
        data: { scene: 'report', depth: [1, { two: 3 }] },
      });
      actor.tell('end');
      expect(await member.gone).toMatchObject({ clean: true });
      expect(domain.members).toEqual([]);
    }));

  test('names those that nobody named, each differently', () =>
    withDomain({}, async (domain) => {
      const data = { scene: 'live' };
      const one = await spawn(domain, 'members.mjs', { data });
      const two = await spawn(domain, 'members.mjs', { data });
      expect(one.name).not.toBe(two.name);
      await Promise.all([one.kill(), two.kill()]);
    }));

  test('refuses the name of one that lives or starts, until it is gone: EEXIST', () =>
    withDomain({}, async (domain) => {
      const live = (name: string) =>
        spawn(domain, 'members.mjs', { name, data: { scene: 'live' } });
      const taken = { code: 'EEXIST', op: 'Domain.spawn', at: { name: 'blur' } };
      const starting = live('blur');
      await expect(live('blur')).rejects.toMatchObject(taken);
      const member = await starting;
      await expect(live('blur')).rejects.toMatchObject(taken);
      await expect(live(domain.agent)).rejects.toMatchObject({ code: 'EEXIST' });
      expect(domain.members).toEqual([member]);
      await member.kill();
      await (await live('blur')).kill();
    }));

  test('refuses the name of one that somebody else started', () =>
    withDomain({}, async (domain) => {
      const actor = await Actor.start(domain, 'members.mjs', 'starter');
      await actor.hear('started');
      const failed = spawn(domain, 'members.mjs', { name: 'grandchild' });
      await expect(failed).rejects.toMatchObject({ code: 'EEXIST' });
      await actor.member.kill();
    }));

  test('names nobody as somebody was named before', () =>
    withDomain({}, async (domain) => {
      const data = { scene: 'live' };
      const named = await spawn(domain, 'members.mjs', { name: 'worker-1', data });
      const unnamed = await spawn(domain, 'members.mjs', { data });
      expect(unnamed.name).not.toBe('worker-1');
      await Promise.all([named.kill(), unnamed.kill()]);
    }));

  test('refuses data that cannot be posted, says what to do, and leaves nothing behind', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(1);
      const listening = process.listenerCount('exit');
      for (const data of [{ buf }, { port: () => {} }, Symbol('x')] as never[]) {
        const failed = spawn(domain, 'members.mjs', { name: 'same', data });
        await expect(failed).rejects.toMatchObject({ code: 'EINVAL', op: 'Domain.spawn' });
        await expect(failed).rejects.toThrow(/data must be JSON: .*could not be cloned/);
      }
      const posted = spawn(domain, 'members.mjs', { data: { buf } as never });
      await expect(posted).rejects.toThrow(/post buf\.share\(\)/);
      expect(process.listenerCount('exit')).toBe(listening);
      expect(domain.members).toEqual([]);
    }));

  test('rejects with EIO and the cause when the platform starts no thread', () =>
    withDomain({}, async (domain) => {
      const failed = domain.spawn(new URL('https://example.org/worker.mjs'), { as: HOST });
      await expect(failed).rejects.toMatchObject({ code: 'EIO', cause: expect.any(TypeError) });
      expect(domain.members).toEqual([]);
    }));

  test('rejects with ETIMEDOUT when the script never joins, and its thread is gone', () =>
    withDomain({}, async (domain) => {
      const failed = spawn(domain, 'never-joins.mjs', { timeout: 30 });
      await expect(failed).rejects.toMatchObject({ code: 'ETIMEDOUT', op: 'Domain.spawn' });
      expect(domain.members).toEqual([]);
    }));

  test("rejects with the signal's reason when it is aborted, and the thread is gone", () =>
    withDomain({}, async (domain) => {
      const control = new AbortController();
      const { signal } = control;
      const failed = spawn(domain, 'never-joins.mjs', { signal });
      const reason = new Error('not needed any more');
      control.abort(reason);
      await expect(failed).rejects.toBe(reason);
      expect(domain.members).toEqual([]);
      await expect(spawn(domain, 'never-joins.mjs', { signal })).rejects.toBe(reason);
    }));

  test('rejects with EIO and the cause when the script fails first', () =>
    withDomain({}, async (domain) => {
      const failed = await spawn(domain, 'import-throws.mjs').catch((e: unknown) => e);
      expect(DmaBufError.is(failed, 'EIO')).toBe(true);
      expect(domain.members).toEqual([]);
      const { cause, message } = failed as DmaBufError;
      if (HOST === 'process') {
        // It has said itself what it failed of.
        expect(message).toContain('exit code 1');
        return;
      }
      expect(cause).toBeInstanceOf(TypeError);
      expect(cause).toMatchObject({ message: 'no such codec', code: 'ERR_NO_CODEC' });
      expect((cause as Error).stack).toContain('import-throws.mjs');
    }));

  test('rejects with EIO and the exit code when the script ends first', () =>
    withDomain({}, async (domain) => {
      const failed = spawn(domain, 'ends-first.mjs');
      await expect(failed).rejects.toMatchObject({ code: 'EIO' });
      await expect(failed).rejects.toThrow(/exit code 7/);
    }));

  test('rejects with EIO, caused by ENFILE, when all slots are taken; later there is room again', () =>
    withDomain({ limits: { agents: 2 } }, async (domain) => {
      const first = await Actor.start(domain, 'members.mjs', 'live');
      const failed = await spawn(domain, 'members.mjs').catch((e: unknown) => e);
      expect(DmaBufError.is(failed, 'EIO')).toBe(true);
      const { cause } = failed as DmaBufError;
      if (HOST === 'thread') {
        expect(cause).toMatchObject({ code: 'ENFILE', op: 'Domain.join', at: { limit: 2 } });
        expect((cause as Error).message).toContain('limits.agents');
        expect(DmaBufError.is(cause, 'ENFILE')).toBe(true);
      }
      await first.member.kill();
      const again = await Actor.start(domain, 'members.mjs', 'live');
      await again.member.kill();
    }));

  test('refuses what is no script, and what is no time-out', () =>
    withDomain({}, async (domain) => {
      await expect(domain.spawn('worker.mjs', { as: HOST })).rejects.toMatchObject({
        code: 'EINVAL',
      });
      await expect(spawn(domain, 'missing.mjs')).rejects.toMatchObject({ code: 'ENOENT' });
      const late = spawn(domain, 'never-joins.mjs', { timeout: -1 });
      await expect(late).rejects.toMatchObject({ code: 'EINVAL' });
      expect(domain.members).toEqual([]);
    }));

  test('as a process, into a domain of threads, is ENOTSUP', () =>
    withDomain({ processes: false }, async (domain) => {
      const failed = domain.spawn(script('members.mjs'), { as: 'process' });
      await expect(failed).rejects.toMatchObject({ code: 'ENOTSUP', op: 'Domain.spawn' });
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

/** What is told of a death. Of its own error a process has told itself. */
const REASONS: Readonly<Record<Way, string>> = {
  terminate: 'exit code 1',
  SIGKILL: 'killed by SIGKILL',
  'process.exit': 'exit code 3',
  throw: HOST === 'process' ? 'exit code 1' : 'told to throw',
};

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
        expect(reason).toContain(REASONS[way]);
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
  test('twice in one thread makes two agents; the first outlives the second', () =>
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
    test(`twice in a thread that dies by ${way}: both agents are recovered`, () =>
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

describe('close', () => {
  test('kills those that were spawned', async () => {
    const domain = await Domain.create({ heap: 2 ** 20, ...HOSTED });
    const spawned = await Actor.start(domain, 'members.mjs', 'live');
    await domain.close();
    expect(await spawned.member.gone).toMatchObject({ clean: false });
  });

  test('is harmless when repeated, and everything afterwards is ESTALE', async () => {
    const domain = await Domain.create({ heap: 2 ** 20, ...HOSTED });
    await Promise.all([domain.close(), domain.close()]);
    await domain.close();
    const stale = { code: 'ESTALE' };
    expect(() => domain.alloc(1)).toThrow(expect.objectContaining(stale));
    expect(() => domain.snapshot()).toThrow(expect.objectContaining(stale));
    await expect(spawn(domain, 'members.mjs')).rejects.toMatchObject(stale);
    await expect(domain.lockAll([])).rejects.toMatchObject(stale);
  });

  test('reports what is still open here, and waits that are pending end with ESTALE', async () => {
    const domain = await Domain.create({ heap: 2 ** 20, ...HOSTED, debug: true });
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
