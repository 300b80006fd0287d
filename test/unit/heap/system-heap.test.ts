// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { openShare } from '../../../src/buf/index.js';
import { HeapLayout, HeapSection, PAGE } from '../../../src/heap/heap-layout.js';
import { HeapLock } from '../../../src/heap/heap-lock.js';
import { nth, rigs, thrown } from '../buf/rig.js';
import { world } from '../world.js';

describe('the system heap', () => {
  it('refuses sizes that are none', () => {
    const { heap } = nth(rigs(1), 0);
    const wrong = [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, '1', null, undefined, 1n];
    for (const size of wrong) {
      expect(thrown(() => heap.alloc(size as number))).toMatchObject({ code: 'EINVAL' });
    }
    expect(heap.used).toBe(0);
  });

  it('says what it has, and a buffer takes whole pages of it', () => {
    const { heap } = nth(rigs(1, { pages: 16 }), 0);
    expect([heap.name, heap.size, heap.used, heap.largestFree]).toEqual([
      'system',
      65536,
      0,
      65536,
    ]);
    const buf = heap.alloc(4097);
    expect([buf.size, heap.used, heap.largestFree]).toEqual([4097, 8192, 57344]);
  });

  it('memory is zeroed, also when it was used before', () => {
    const { heap } = nth(rigs(1, { pages: 8 }), 0);
    for (const size of [20_000, 5000, 32_768, 1]) {
      using buf = heap.alloc(size);
      using cpu = buf.cpuAccessSync('write');
      expect(cpu.bytes.every((byte) => byte === 0)).toBe(true);
      cpu.bytes.fill(255);
    }
  });

  it('buffers never overlap, and all agents see the same bytes', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const bufs = [3, 5000, 1, 9000].map((size, n) => (n % 2 === 0 ? a : b).heap.alloc(size));
    for (const [n, buf] of bufs.entries()) buf.cpuAccessSync('write').bytes.fill(n + 1);
    for (const [n, buf] of bufs.entries()) {
      const theirs = openShare((n % 2 === 0 ? b : a).buffers, 'open', buf.share());
      expect(theirs.cpuAccessSync('read').bytes.every((byte) => byte === n + 1)).toBe(true);
    }
  });

  it('ENOMEM says what is used, free, the largest run, and who has the most', () => {
    const all = rigs(2, { pages: 8 });
    const [a, b] = [nth(all, 0), nth(all, 1)];
    a.heap.alloc(3 * PAGE, { name: 'big' });
    const gap = b.heap.alloc(2 * PAGE);
    b.heap.alloc(PAGE, { name: 'small' });
    gap.close();
    const error = thrown(() => a.heap.alloc(3 * PAGE));
    expect(error).toMatchObject({
      code: 'ENOMEM',
      at: { size: 3 * PAGE, used: 4 * PAGE, free: 4 * PAGE, largestFree: 2 * PAGE },
    });
    expect(error.message).toContain(`big ${3 * PAGE} (agent-0), small ${PAGE} (agent-1)`);
    expect(thrown(() => a.heap.alloc(2 ** 50))).toMatchObject({ code: 'ENOMEM' });
    expect(a.heap.alloc(2 * PAGE).size).toBe(2 * PAGE);
  });

  it('before it gives up it takes back what waits to be released, and what the dead had', () => {
    const all = rigs(2, { pages: 4 });
    const [a, b] = [nth(all, 0), nth(all, 1)];
    b.heap.alloc(4 * PAGE);
    all.kill(b.agent);
    const buf = a.heap.alloc(4 * PAGE);
    expect(buf.size).toBe(4 * PAGE);
  });

  it('cannot be used once its agent has left: the slot is somebody else’s', () => {
    const all = rigs(2, { pages: 4 });
    const [a, b] = [nth(all, 0), nth(all, 1)];
    a.agent.leave(new Error('left'));
    for (const call of [() => a.heap.alloc(1), () => a.heap.largestFree]) {
      expect(thrown(call)).toMatchObject({ code: 'ESTALE' });
    }
    expect([b.heap.used, b.buffers.life.used]).toEqual([0, 0]);
  });

  it('a failed alloc leaves neither page nor row behind', () => {
    const { heap, buffers } = nth(rigs(1, { pages: 2, buffers: 2 }), 0);
    for (let i = 0; i < 5; i++)
      expect(thrown(() => heap.alloc(3 * PAGE)).message).toContain('ENOMEM');
    const all = [heap.alloc(PAGE), heap.alloc(PAGE)];
    expect(thrown(() => heap.alloc(PAGE))).toMatchObject({ code: 'ENFILE' });
    for (const buf of all) buf.close();
    expect([heap.used, buffers.life.used]).toEqual([0, 2]);
  });
});

describe('the heap’s lock', () => {
  const make = () => {
    const { arena, agents, kill } = world([HeapSection], 2);
    const base = arena.base(HeapSection);
    const locks = agents.map((agent) => new HeapLock(agent, base + HeapLayout.at.lock));
    const [a, b] = locks;
    if (a === undefined || b === undefined) throw new Error('two agents');
    return { arena, a, b, kill };
  };

  it('is taken and given back, and says whether its last holder died inside', () => {
    const { a, b, kill } = make();
    expect(a.enter()).toBe(false);
    a.leave();
    expect(b.enter()).toBe(false);
    kill(b.agent);
    expect(a.enter()).toBe(true);
    a.leave();
    expect(a.enter()).toBe(false);
  });

  it('a holder whose slot has been given to somebody else is known to be gone', () => {
    const { a, b } = make();
    b.enter();
    const { slots } = b.agent;
    slots.free(b.agent.slot);
    slots.join({
      thread: 9,
      startTime: 0,
      pid: 1,
      station: 0,
      kind: 'thread',
      member: 9,
      name: 'next',
    });
    expect(a.enter()).toBe(true);
  });
});
