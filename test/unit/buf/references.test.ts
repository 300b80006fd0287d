// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { openShare, Phase, phaseOf } from '../../../src/buf/index.js';
import { nth, rigs, thrown } from './rig.js';

describe('references', () => {
  it('pages and row are free again when the last handle of the last agent is closed', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(5000);
    const { row } = buf;
    const second = buf.dup();
    const theirs = openShare(b.buffers, 'open', buf.share());
    a.buffers.tickets.sweep();
    for (const handle of [buf, second]) handle.close();
    expect(a.heap.used).toBe(8192);
    expect(phaseOf(a.buffers.life.of(row))).toBe(Phase.LIVE);
    theirs.close();
    expect(a.heap.used).toBe(0);
    expect(phaseOf(a.buffers.life.of(row))).toBe(Phase.FREE);
  });

  it('closing twice gives back one reference only', () => {
    const all = rigs(1);
    const a = nth(all, 0);
    const buf = a.heap.alloc(1);
    const second = buf.dup();
    buf.close();
    buf.close();
    buf[Symbol.dispose]();
    expect(second.closed).toBe(false);
    expect(a.heap.used).toBe(4096);
    second.close();
    expect(a.heap.used).toBe(0);
  });

  it('a closed handle still says what it was, and everything else is ESTALE', async () => {
    const { heap } = nth(rigs(1), 0);
    const buf = heap.alloc(10, { name: 'frame' });
    buf.close();
    expect([buf.size, buf.exporter, buf.dynamic, buf.closed]).toEqual([10, 'system', false, true]);
    expect(buf.id).toBeGreaterThan(0);
    const calls = [
      () => buf.name,
      () => buf.resv,
      () => buf.dup(),
      () => buf.share(),
      () => buf.tryCpuAccess('read'),
      () => buf.cpuAccessSync('read'),
      () => buf.attachSync('gpu'),
    ];
    for (const call of calls) expect(thrown(call)).toMatchObject({ code: 'ESTALE' });
    await expect(buf.cpuAccess('read')).rejects.toMatchObject({ code: 'ESTALE' });
    await expect(buf.readable()).rejects.toMatchObject({ code: 'ESTALE' });
    await expect(buf.setName('x')).rejects.toMatchObject({ code: 'ESTALE' });
    await expect(buf.attach('x')).rejects.toMatchObject({ code: 'ESTALE' });
  });

  it('a reference by name is refused once that generation is gone, and leaves nothing behind', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1);
    const { row, generation } = buf;
    buf.close();
    expect(b.buffers.adopt(row, generation)).toBeNull();
    const next = a.heap.alloc(1);
    expect(next.row).toBe(row);
    for (const { buffers } of [a, b]) expect(buffers.adopt(row, generation)).toBeNull();
    next.close();
    expect(a.heap.used).toBe(0);
  });

  it('ids are never used again, and are the same in every agent', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const ids = new Set<number>();
    for (let i = 0; i < 100; i++) {
      for (const { heap } of [a, b]) {
        using buf = heap.alloc(1);
        ids.add(buf.id);
      }
    }
    expect(ids.size).toBe(200);
    const buf = a.heap.alloc(1);
    expect(openShare(b.buffers, 'open', buf.share()).id).toBe(buf.id);
  });

  it('the last put waits until this agent holds no lock', () => {
    const a = nth(rigs(1), 0);
    const other = a.heap.alloc(1);
    const buf = a.heap.alloc(1);
    const lock = other.resv.tryLock();
    buf.close();
    expect(a.heap.used).toBe(8192);
    lock?.unlock();
    expect(a.heap.used).toBe(4096);
  });

  it('a queue that names a buffer keeps it; who takes the name away ends it', () => {
    const a = nth(rigs(1), 0);
    let queued = true;
    a.buffers.registerNamer((row, generation, queues) => {
      expect([row, generation, queues]).toEqual([buf.row, buf.generation, 1 << 3]);
      return queued;
    });
    const buf = a.heap.alloc(1);
    a.buffers.rows.nameInQueue(buf.row, 35);
    buf.close();
    expect(a.heap.used).toBe(4096);
    queued = false;
    a.buffers.tryDie(buf.row);
    expect(a.heap.used).toBe(0);
  });

  it('a buffer of a pool rests in place of dying, and is fetched from there once', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    let open = true;
    const rested: number[] = [];
    for (const { buffers } of [a, b]) {
      buffers.registerPools({ mayRest: () => open, rested: (_pool, row) => rested.push(row) });
    }
    const buf = a.heap.alloc(1);
    const { row } = buf;
    a.buffers.rows.setWord(row, 'pool', 5);
    buf.close();
    expect(rested).toEqual([row]);
    expect(phaseOf(a.buffers.life.of(row))).toBe(Phase.IDLE);
    expect(a.buffers.acquireIdle(row, 3)).toBeNull();
    expect(rested).toEqual([row, row]);
    const again = b.buffers.acquireIdle(row, 4);
    expect(again?.id).toBe(buf.id);
    expect(a.buffers.acquireIdle(row, 4)).toBeNull();
    open = false;
    again?.close();
    expect(a.heap.used).toBe(0);
  });

  it('a resting buffer goes when its pool is closed', () => {
    const a = nth(rigs(1), 0);
    a.buffers.registerPools({ mayRest: () => true, rested: () => {} });
    const buf = a.heap.alloc(1);
    a.buffers.rows.setWord(buf.row, 'pool', 1);
    expect(a.buffers.retire(buf.row)).toBe(false);
    buf.close();
    expect(a.buffers.retire(buf.row)).toBe(true);
    expect(a.heap.used).toBe(0);
  });

  it('rows run out with the table, the limit and the option that raises it', () => {
    const { heap } = nth(rigs(1, { buffers: 4 }), 0);
    const bufs = [1, 2, 3, 4].map((size) => heap.alloc(size));
    const error = thrown(() => heap.alloc(1));
    expect(error).toMatchObject({ code: 'ENFILE', at: { table: 'buffers', limit: 4 } });
    expect(error.message).toContain('limits.buffers');
    bufs[0]?.close();
    expect(heap.alloc(1).size).toBe(1);
  });

  it('a handle cannot be posted, and the refusal says what to do', () => {
    const { heap } = nth(rigs(1), 0);
    const error = thrown(() => structuredClone(heap.alloc(1)));
    expect(error.message).toContain('share()');
  });
});
