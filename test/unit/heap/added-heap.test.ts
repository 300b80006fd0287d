// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, it } from 'vitest';
import type { DmaBuf } from '../../../src/buf/index.js';
import type { HeapInfo } from '../../../src/heap/index.js';
import { thrown } from '../buf/rig.js';
import { cast, codeOf, type Member, type Members, turns } from './members.js';

let a: Member;
let b: Member;
let kill: Members['kill'];
beforeEach(() => {
  ({ a, b, kill } = cast());
});

const OP = 'Domain.addHeap';

/** A heap of `member`'s that gives out buffers of the system heap. */
const plain = (member: Member, name = 'tiles', more: Partial<HeapInfo> = {}): HeapInfo => ({
  name,
  allocate: (size, options) => member.heap.alloc(size, options),
  ...more,
});
const add = (member: Member, name?: string, more?: Partial<HeapInfo>) =>
  member.heaps.add(OP, plain(member, name, more));
/** A heap whose allocate does this. */
const giving = (allocate: (...args: Parameters<HeapInfo['allocate']>) => unknown) =>
  a.heaps.add(OP, { name: 'odd', allocate: allocate as HeapInfo['allocate'] });

describe('adding a heap', () => {
  it('needs a name and allocate', () => {
    for (const info of [null, 1, {}, { name: '' }, { name: 7 }, { name: 'x'.repeat(32) }]) {
      const given = typeof info === 'object' && info !== null ? { ...plain(a), ...info } : info;
      const wrong = JSON.stringify(info) === '{}' ? { allocate: plain(a).allocate } : given;
      expect(codeOf(() => a.heaps.add(OP, wrong as HeapInfo))).toBe('EINVAL');
    }
    for (const allocate of [undefined, null, 'alloc', {}]) {
      expect(codeOf(() => a.heaps.add(OP, { name: 'x', allocate } as unknown as HeapInfo))).toBe(
        'EINVAL',
      );
    }
    for (const size of [0, -1, 1.5, 2 ** 53, 'x' as unknown as number]) {
      expect(codeOf(() => add(a, 'x', { size }))).toBe('EINVAL');
    }
    expect(codeOf(() => a.heaps.find('heap', 'x'))).toBe('ENOENT');
  });

  it('a name that is taken is EEXIST, in every agent, and says by whom', () => {
    add(a);
    for (const member of [a, b]) {
      const error = thrown(() => add(member));
      expect(error).toMatchObject({ code: 'EEXIST', at: { heap: 'tiles', agent: 'agent-0' } });
    }
    expect(codeOf(() => add(b, 'system'))).toBe('EEXIST');
    expect(codeOf(() => add(b, 'Tiles'))).toBe('');
  });

  it('the 129th heap of a domain is ENFILE, and removing one makes room', () => {
    const added = Array.from({ length: 127 }, (_, n) => add(n % 2 === 0 ? a : b, `heap ${n}`));
    const error = thrown(() => add(b, 'one more'));
    expect(error).toMatchObject({ code: 'ENFILE', at: { limit: 128, heap: 'one more' } });
    added[77]?.close();
    expect(add(a, 'one more').name).toBe('one more');
  });

  it('it is found by its name in its agent, and beside the system heap', () => {
    const heap = add(a);
    expect(a.heaps.find('heap', 'tiles')).toBe(heap);
    expect(a.heaps.find('heap', 'system')).toBe(a.heap);
    expect(a.heaps.all).toEqual([a.heap, heap]);
  });

  it('in another agent it is EXDEV, which names whose it is', () => {
    add(a);
    const error = thrown(() => b.heaps.find('heap', 'tiles'));
    expect(error).toMatchObject({ code: 'EXDEV', at: { heap: 'tiles', agent: 'agent-0' } });
  });

  it('allocate is a method of what was passed', () => {
    class Tiles implements HeapInfo {
      readonly name = 'tiles';
      readonly #from = a.heap;
      allocate(size: number): DmaBuf {
        return this.#from.alloc(size);
      }
    }
    expect(a.heaps.add(OP, new Tiles()).alloc(10).size).toBe(10);
  });
});

describe('allocating from it', () => {
  it('checks options, then the size, and calls nobody when something is wrong', () => {
    let calls = 0;
    const heap = giving(() => void calls++);
    const wrong: [unknown, unknown][] = [
      [4096, null],
      [0, { name: 7 }],
      [4096, { name: 'x'.repeat(32) }],
      [4096, { resv: {} }],
      [0, {}],
      [-1, {}],
      [2 ** 53, {}],
      ['1', {}],
    ];
    for (const [size, options] of wrong) {
      expect(codeOf(() => heap.alloc(size as number, options as object))).toBe('EINVAL');
    }
    const other = b.reservations.create();
    expect(codeOf(() => heap.alloc(0, { resv: other }))).toBe('EXDEV');
    expect(calls).toBe(0);
  });

  it('gives what allocate made, which was told size, name and reservation', () => {
    const told: unknown[] = [];
    const heap = giving((size, options) => {
      told.push(size, options);
      return a.heap.alloc(size, options);
    });
    const resv = a.reservations.create();
    using buf = heap.alloc(5000, { name: 'tile', resv });
    using bare = heap.alloc(1);
    expect(told).toEqual([5000, { name: 'tile', resv }, 1, {}]);
    expect([buf.size, buf.name, buf.resv.row, bare.name]).toEqual([5000, 'tile', resv.row, null]);
  });

  it('counts what it has out until its memory is free, and gives no more than its size', () => {
    const heap = add(a, 'tiles', { size: 10_000 });
    const first = heap.alloc(6000);
    const dup = first.dup();
    expect([heap.size, heap.used, heap.largestFree]).toEqual([10_000, 6000, 4000]);
    const error = thrown(() => heap.alloc(4001));
    expect(error).toMatchObject({ code: 'ENOMEM', at: { heap: 'tiles', used: 6000, free: 4000 } });
    first.close();
    expect(codeOf(() => heap.alloc(4001))).toBe('ENOMEM');
    dup.close();
    expect([heap.used, heap.alloc(10_000).size]).toEqual([0, 10_000]);
  });

  it('what is said of its free memory is never more than what the system heap has', () => {
    const heap = add(a);
    expect([heap.size, heap.largestFree]).toEqual([a.heap.size, a.heap.size]);
    a.heap.alloc(a.heap.size - 4096);
    expect(heap.largestFree).toBe(4096);
  });

  it('what came back can be given out again, however often', () => {
    const heap = add(a, 'tiles', { size: 5 });
    for (let n = 0; n < 1000; n++) heap.alloc(5).close();
    expect(heap.used).toBe(0);
  });

  it('what allocate throws comes out: codes as they are, anything else as cause of EIO', () => {
    expect(codeOf(() => giving(() => a.heap.alloc(2 ** 40)).alloc(1))).toBe('ENOMEM');
    const cause = new TypeError('oops');
    a.heaps.close();
    const heap = giving(() => {
      throw cause;
    });
    expect(thrown(() => heap.alloc(1))).toMatchObject({ code: 'EIO', cause, at: { heap: 'odd' } });
  });

  it('nothing is ENOMEM; what is no buffer of its own is EIO', () => {
    const given: [unknown, string][] = [
      [null, 'ENOMEM'],
      [undefined, 'ENOMEM'],
      [new Uint8Array(1), 'EIO'],
      [b.heap.alloc(1), 'EIO'],
    ];
    let next: unknown;
    const heap = giving(() => next);
    for (const [value, code] of given) {
      next = value;
      expect(codeOf(() => heap.alloc(1))).toBe(code);
    }
    const closed = a.heap.alloc(1);
    closed.close();
    next = closed;
    expect(thrown(() => heap.alloc(1)).message).toMatch(/^EIO.*closed/);
  });

  it('a buffer that is not what was asked for is EIO, and given back', () => {
    const resv = a.reservations.create();
    const wrong = [
      () => a.heap.alloc(2),
      () => a.heap.alloc(1, { resv }),
      () => a.heap.alloc(1, { name: 'tile' }),
    ];
    let make = wrong[0];
    const heap = giving(() => make?.());
    for (make of wrong) {
      expect(codeOf(() => heap.alloc(1, { name: 'tile', resv }))).toBe('EIO');
    }
    expect([a.heap.used, heap.used]).toEqual([0, 0]);
  });

  it('the same handle twice is EIO, and stays with whom it was given to', () => {
    const one = a.heap.alloc(1);
    const heap = giving(() => one);
    expect(heap.alloc(1)).toBe(one);
    expect(thrown(() => heap.alloc(1)).message).toMatch(/^EIO.*dup/);
    expect(one.closed).toBe(false);
  });

  it('a promise is EIO, and what it brings is closed', async () => {
    const heap = giving((size) => Promise.resolve(a.heap.alloc(size)));
    expect(thrown(() => heap.alloc(1)).message).toMatch(/^EIO.*promise/);
    heap.close();
    const failing = giving(() => Promise.reject(new Error('late')));
    expect(codeOf(() => failing.alloc(1))).toBe('EIO');
    await turns(2);
    expect(a.heap.used).toBe(0);
  });
});

describe('the end of a heap', () => {
  it('removed, its name is free, and nobody gets new buffers of it', () => {
    const heap = add(a);
    const buf = heap.alloc(10);
    heap.close();
    heap.close();
    expect(codeOf(() => heap.alloc(1))).toBe('ESTALE');
    expect(codeOf(() => heap.largestFree)).toBe('ESTALE');
    expect(codeOf(() => a.heaps.find('heap', 'tiles'))).toBe('ENOENT');
    using next = add(b);
    heap.close(); // not that of the same name
    expect(b.heaps.find('heap', 'tiles')).toBe(next);
    expect([buf.closed, buf.cpuAccessSync('read').bytes.length]).toEqual([false, 10]);
  });

  it('goes when its agent leaves', () => {
    const heap = add(a);
    a.leave();
    expect(codeOf(() => heap.alloc(1))).toBe('ESTALE');
    expect(codeOf(() => b.heaps.find('heap', 'tiles'))).toBe('ENOENT');
    expect(codeOf(() => add(b))).toBe('');
    heap.close();
    expect(b.heaps.find('heap', 'tiles').name).toBe('tiles');
  });

  it('goes when its agent dies', () => {
    add(a);
    kill(a);
    expect(codeOf(() => b.heaps.find('heap', 'tiles'))).toBe('ENOENT');
    expect(codeOf(() => add(b))).toBe('');
  });

  it('a death that nobody has noticed does not keep the name', () => {
    add(a);
    kill(a, false);
    expect(codeOf(() => add(b))).toBe('');
  });
});
