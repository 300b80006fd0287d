// SPDX-License-Identifier: MIT
/** Waits for sync objects: how they end, and that nothing is left of them. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorNumber } from '../../../src/errors.js';
import { SyncobjClient } from '../../../src/syncobj/index.js';
import { codeOf, seenIn, turn, until } from '../fence/rooms.js';
import { type Rig, rigs } from './rig.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let a: Rig;
let b: Rig;
let client: SyncobjClient;
beforeEach(() => {
  [a, b] = rigs(2) as [Rig, Rig];
  ({ client } = a);
});
afterEach(() => {
  expect(a.agent.tasks.pending).toBe(0);
});

/** A wait that has begun. */
async function begun<T>(waiting: Promise<T>): Promise<{ readonly end: Promise<T> }> {
  await turn();
  expect(a.agent.tasks.pending).toBeGreaterThan(0);
  return { end: waiting };
}

describe('a wait ends', () => {
  it('with the reason of its signal, before it begins and after', async () => {
    const handle = client.create();
    const abort = new AbortController();
    const options = { forSubmit: true, signal: abort.signal };
    const { end } = await begun(client.wait([handle], options));
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(end).rejects.toBe(reason);
    await expect(client.wait([handle], options)).rejects.toBe(reason);
  });

  it('out of time with ETIMEDOUT', async () => {
    const handle = client.create();
    const waiting = client.wait([handle], { forSubmit: true, timeout: 1 });
    expect(await codeOf(waiting)).toBe('ETIMEDOUT');
    expect(await codeOf(client.wait([handle], { timeout: -1 }))).toBe('EINVAL');
  });

  it('with ESTALE when its client is closed, whatever it waits for', async () => {
    const [empty, pending] = [client.create(), client.create()];
    using fd = client.handleToFd(empty);
    client.replaceFence(pending, a.job().fence);
    client.addPoint(client.create(), 1, a.job().fence);
    const waits = [
      client.wait([empty], { forSubmit: true }),
      client.wait([pending, empty], { all: true, forSubmit: true }),
      client.timelineWait([3], [1]),
      client.timelineWait([3], [2], { available: true }),
    ];
    await turn();
    expect(a.agent.tasks.pending).toBe(4);
    client.close();
    const codes = await Promise.all(waits.map((wait) => codeOf(wait)));
    expect([codes, fd.closed]).toEqual([Array(4).fill('ESTALE'), false]);
  });

  it('with ESTALE when its client is closed, and nobody but the signaller could end it', async () => {
    const handle = client.create();
    client.replaceFence(handle, a.job().fence);
    const { end } = await begun(client.wait([handle]));
    client.close();
    expect(await codeOf(end)).toBe('ESTALE');
  });

  it('when the fence signals in the very moment in which it is looked at', async () => {
    const handle = client.create();
    const { fence, end } = a.job();
    const blockers = (): readonly [] => {
      end();
      return [];
    };
    Object.defineProperty(fence, 'blockers', { value: blockers });
    client.replaceFence(handle, fence);
    expect(await client.wait([handle])).toBe(0);
  });

  it('with what the domain says when its agent leaves', async () => {
    const handle = client.create();
    const { end } = await begun(client.wait([handle], { forSubmit: true }));
    const reason = new Error('over');
    const ended = expect(end).rejects.toBe(reason);
    a.agent.leave(reason);
    await ended;
  });

  it('for a client that was closed together with the signal it waits for, as over', async () => {
    const handle = client.create();
    const { end } = await begun(client.wait([handle], { forSubmit: true }));
    client.signal([handle]);
    client.close();
    expect(await end).toBe(0);
  });

  it('when the fence has failed, too', async () => {
    const handle = client.create();
    const { fence } = a.job();
    client.replaceFence(handle, fence);
    const { end } = await begun(client.wait([handle]));
    a.fences.signal(fence, errorNumber('EIO'));
    expect([await end, client.findFence(handle).error]).toEqual([0, 'EIO']);
  });

  it('when agents that signal do so in any order, and all of a timeline', async () => {
    const handle = client.create();
    const theirs = [b.job(), b.job(), b.job()];
    for (const [index, { fence }] of theirs.entries()) {
      client.addPoint(handle, index + 1, seenIn(a.fences, fence));
    }
    const { end } = await begun(client.timelineWait([handle], [3]));
    for (const { end: signal } of theirs.toReversed()) {
      await turn();
      expect(client.query([handle])).toEqual([0]);
      signal();
    }
    expect([await end, client.query([handle])]).toEqual([0, [3]]);
  });
});

describe('a wait for a fence that nobody can put in any more', () => {
  it('ends with ESTALE when the last handle goes', async () => {
    const handle = client.create();
    const fd = client.handleToFd(handle);
    const { end } = await begun(client.wait([handle], { forSubmit: true }));
    client.destroy(handle);
    await turn();
    expect(a.agent.tasks.pending).toBe(1);
    fd.close();
    expect(await codeOf(end)).toBe('ESTALE');
  });

  it('goes on for the other objects, if one of them is enough', async () => {
    const [gone, stays] = [client.create(), client.create()];
    const any = await begun(client.wait([gone, stays], { forSubmit: true }));
    const all = await begun(client.wait([gone, stays], { all: true, forSubmit: true }));
    client.destroy(gone);
    expect(await codeOf(all.end)).toBe('ESTALE');
    client.signal([stays]);
    expect(await any.end).toBe(1);
  });

  it('goes on when the fence is in it: handles may be destroyed', async () => {
    const handle = client.create();
    const { fence, end } = a.job();
    client.replaceFence(handle, fence);
    const waiting = await begun(client.wait([handle]));
    client.destroy(handle);
    end();
    expect(await waiting.end).toBe(0);
  });
});

describe('who is to be told', () => {
  it('is told no more once that was disposed, or the object, or the client, is gone', async () => {
    const told: string[] = [];
    const tell = (who: string) => (): undefined => void told.push(who);
    const [kept, destroyed] = [client.create(), client.create()];
    const canceled = client.notify(kept, 0, tell('disposed'));
    const late = client.notify(kept, 0, tell('disposed late'));
    client.notify(kept, 0, tell('kept'));
    client.notify(destroyed, 0, tell('destroyed'));
    client.notify(kept, 7, tell('closed'));
    await turn();
    canceled[Symbol.dispose]();
    client.destroy(destroyed);
    client.signal([kept]);
    late[Symbol.dispose]();
    await turn();
    client.close();
    await turn();
    expect(told).toEqual(['kept']);
  });

  it('is told a moment later, never within the call', async () => {
    const told: string[] = [];
    const handle = client.create({ signaled: true });
    client.notify(handle, 0, () => void told.push('told'));
    expect(told).toEqual([]);
    await turn();
    expect(told).toEqual(['told']);
  });
});

it('a client that nobody has any more is not given up while somebody waits; one without a wait is', async () => {
  const forget = () => {
    const forgotten = new SyncobjClient(a.domain);
    const handle = forgotten.create();
    const { fence, end } = a.job();
    forgotten.replaceFence(handle, fence);
    return { waiting: forgotten.wait([handle]), end };
  };
  const { waiting, end } = forget();
  (() => void new SyncobjClient(a.domain))();
  await until(() => {
    collectGarbage();
    return a.leaks.length > 0;
  });
  await turn();
  expect(a.leaks).toHaveLength(1);
  end();
  expect(await waiting).toBe(0);
});

it('nothing of a wait is left in an object when it has ended', async () => {
  const handle = client.create();
  const abort = new AbortController();
  const waits = Array.from({ length: 9 }, () =>
    codeOf(client.wait([handle], { forSubmit: true, signal: abort.signal })),
  );
  await turn();
  abort.abort();
  await Promise.all(waits);
  let rings = 0;
  const { agent } = a;
  const ring = agent.ring.bind(agent);
  agent.ring = (...args) => {
    rings++;
    ring(...args);
  };
  client.signal([handle]);
  expect(rings).toBe(0);
});
