// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { Leaks } from '../../../src/buf/leaks.js';
import { nth, rigs, thrown } from './rig.js';

function handle(id: number, released: number[]) {
  return {
    closed: false,
    watched: null,
    remains: () => ({ kind: 'Thing', id, release: () => void released.push(id) }),
  };
}

describe('leaks', () => {
  it('handles that were closed within their turn are never watched', () => {
    const soon: (() => void)[] = [];
    const leaks = new Leaks({ soon: (fn) => void soon.push(fn) }, () => {});
    const [open, closed] = [handle(1, []), handle(2, [])];
    leaks.track(open);
    leaks.track(closed);
    expect(soon).toHaveLength(1);
    closed.closed = true;
    soon[0]?.();
    expect([open.watched === null, closed.watched]).toEqual([false, null]);
  });

  it('many handles in one turn are watched before it ends', () => {
    const leaks = new Leaks({ soon: () => {} }, () => {});
    const handles = Array.from({ length: 512 }, (_, id) => handle(id, []));
    for (const each of handles) leaks.track(each);
    expect(handles.every(({ watched }) => watched !== null)).toBe(true);
  });

  it('what is open at the end is released and reported once, with its stack if they are kept', () => {
    const reports: unknown[] = [];
    const released: number[] = [];
    const leaks = new Leaks({ soon: () => {} }, (leak) => reports.push(leak), true);
    const [open, closed] = [handle(1, released), handle(2, released)];
    leaks.track(open);
    leaks.track(closed);
    leaks.settle();
    leaks.unwatch(closed);
    leaks.close();
    leaks.close();
    expect(released).toEqual([1]);
    expect(reports).toEqual([
      { kind: 'Thing', id: 1, stack: expect.stringContaining('leaks.test.ts') as string },
    ]);
  });

  it('accesses and attachments are watched like buffers, and failed ones are not', () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(1);
    const [access, att] = [buf.cpuAccessSync('read'), buf.attachSync('x')];
    buf.dynamicAttachSync('y', { moveNotify: () => undefined })[Symbol.dispose]();
    const lock = buf.resv.tryLock();
    expect(thrown(() => buf.attachSync('z'))).toMatchObject({ code: 'EDEADLK' });
    lock?.unlock();
    a.buffers.close();
    expect(a.leaks.map(({ kind }) => kind)).toEqual(['DmaBuf', 'CpuAccess', 'Attachment']);
    expect([access.watched === null, att.watched === null]).toEqual([false, false]);
    expect(a.heap.used).toBe(0);
  });

  it('a buffer whose handle is garbage is what its remains say, and they release it', () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(1);
    a.buffers.leaks.settle();
    const remains = buf.watched;
    expect(remains).toMatchObject({ kind: 'DmaBuf', id: buf.id });
    remains?.release();
    expect(a.heap.used).toBe(0);
  });
});
