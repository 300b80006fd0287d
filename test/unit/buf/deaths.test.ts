// SPDX-License-Identifier: MIT
/** An agent dies, or leaves, while it holds something of this room. */
import { describe, expect, it } from 'vitest';
import { openShare, Phase, phaseOf, type Share } from '../../../src/buf/index.js';
import { dynamicExport, importer } from './exporters.js';
import { nth, type Rig, type Rigs, rejected, rigs, thrown } from './rig.js';

function pair(): { all: Rigs; a: Rig; b: Rig } {
  const all = rigs(2);
  return { all, a: nth(all, 0), b: nth(all, 1) };
}

function rowsInUse(rig: Rig): number {
  let used = 0;
  for (let row = 0; row < rig.buffers.life.used; row++) {
    if (phaseOf(rig.buffers.life.of(row)) !== Phase.FREE) used++;
  }
  return used;
}

function nothingLeft(rig: Rig): void {
  expect([rowsInUse(rig), rig.heap.used]).toEqual([0, 0]);
  expect([...rig.buffers.attachments.all()]).toEqual([]);
}

/** Runs `work` until its store or CAS number `stop`, and no further. @returns false when it came to its end */
function stopped(stop: number, work: () => void): boolean {
  const names = ['store', 'compareExchange', 'exchange', 'and', 'or', 'add'] as const;
  const real = Object.fromEntries(names.map((name) => [name, Atomics[name]]));
  const dead = Symbol('dead');
  let steps = 0;
  const fakes = names.map((name) => {
    const call = real[name] as (...args: unknown[]) => unknown;
    const fake = (...args: unknown[]): unknown => {
      if (steps++ >= stop) throw dead;
      return call(...args);
    };
    return [name, fake] as const;
  });
  Object.assign(Atomics, Object.fromEntries(fakes));
  try {
    work();
    return false;
  } catch (error) {
    if (error !== dead) throw error;
    return true;
  } finally {
    Object.assign(Atomics, real);
  }
}

/** `work` in an agent that dies in it, once at every step. */
function atEveryStep(
  prepare: (rig: Rig, all: Rigs) => () => void,
  after: (all: Rigs) => void = () => {},
): number {
  for (let stop = 0; ; stop++) {
    const { all, a, b } = pair();
    const work = prepare(b, all);
    if (!stopped(stop, work)) return stop;
    all.bury(b);
    after(all);
    nothingLeft(a);
    const again = a.heap.alloc(100);
    again.close();
    nothingLeft(a);
  }
}

describe('death', () => {
  it('takes references with it, and counts them', () => {
    const { all, a, b } = pair();
    const shared = a.heap.alloc(1);
    openShare(b.buffers, 'open', shared.share());
    b.heap.alloc(10_000);
    b.heap.alloc(1).dup();
    all.bury(b);
    expect(rowsInUse(a)).toBe(1);
    expect(a.agent.slots.word(b.agent.slot, 'lostBuffers')).toBe(3);
    shared.close();
    a.buffers.tickets.sweep();
    nothingLeft(a);
  });

  it('takes the attachment to another’s buffer with it, whose name can change then', async () => {
    const { all, a, b } = pair();
    const buf = a.heap.alloc(1);
    openShare(b.buffers, 'open', buf.share()).attachSync('x');
    expect(await rejected(buf.setName('new'))).toMatchObject({ code: 'EBUSY' });
    all.bury(b);
    await buf.setName('new');
  });

  it('takes attachments, mappings and accesses with it', () => {
    const { all, a, b } = pair();
    const buf = b.heap.alloc(1);
    const att = buf.attachSync('x');
    att.mapSync('to-device');
    buf.cpuAccessSync('read');
    buf.dynamicAttachSync('y', importer());
    all.bury(b);
    nothingLeft(a);
  });

  it('takes the shares it had sent, opened or not', () => {
    const { all, a, b } = pair();
    const buf = b.heap.alloc(1);
    buf.share();
    const opened = openShare(a.buffers, 'open', buf.share());
    all.bury(b);
    expect(a.heap.used).toBe(4096);
    opened.close();
    nothingLeft(a);
  });

  it('takes its exports, with all they hold', () => {
    const { all, a, b } = pair();
    dynamicExport(b);
    all.bury(b);
    nothingLeft(a);
  });

  it('at any step of alloc and close loses no page and no row', () => {
    const steps = atEveryStep((rig) => () => {
      rig.heap.alloc(5000, { name: 'x' }).close();
    });
    expect(steps).toBeGreaterThan(40);
  });

  it('at any step of share, open and revoke loses nothing', () => {
    const shares = new Map<Rigs, Share>();
    atEveryStep(
      (rig, all) => {
        const buf = nth(all, 0).heap.alloc(1);
        const share = buf.share();
        shares.set(all, share);
        buf.close();
        return () => {
          const mine = openShare(rig.buffers, 'open', share);
          mine.revoke(mine.share());
          openShare(rig.buffers, 'open', mine.share()).close();
          mine.close();
        };
      },
      (all) => {
        const { agent, buffers } = nth(all, 0);
        agent.serve();
        const { ticket = 0, generation = 0 } = shares.get(all) ?? {};
        buffers.tickets.revoke(ticket, generation);
      },
    );
  });

  it('at any step of asking for a buffer that is gone leaves no mark on its row', () => {
    atEveryStep((rig, all) => {
      const buf = nth(all, 0).heap.alloc(1);
      const { row, generation } = buf;
      buf.close();
      return () => {
        expect(rig.buffers.adopt(row, generation)).toBeNull();
      };
    });
  });

  it('at any step of the last put leaves nothing to an exporter that had gone', () => {
    for (let stop = 0, killed = true; killed; stop++) {
      const all = rigs(3);
      const [a, b, c] = [nth(all, 0), nth(all, 1), nth(all, 2)];
      const theirs = openShare(b.buffers, 'open', dynamicExport(a).buf.share());
      a.buffers.close();
      a.agent.leave(new Error('left'));
      killed = stopped(stop, () => theirs.close());
      if (!killed) break;
      all.kill(b.agent);
      c.agent.reapers.sweep();
      nothingLeft(c);
    }
  });

  it('at any step of attach and detach leaves nobody attached', () => {
    atEveryStep((rig) => () => {
      const buf = rig.heap.alloc(1);
      const att = buf.dynamicAttachSync('x', importer());
      att[Symbol.dispose]();
      buf.close();
    });
  });

  it('at any step of a recovery is recovered by the next', () => {
    for (let stop = 0, killed = true; killed; stop++) {
      const all = rigs(3);
      const [a, b, c] = [nth(all, 0), nth(all, 1), nth(all, 2)];
      const buf = b.heap.alloc(1);
      buf.share();
      buf.attachSync('x');
      b.heap.alloc(9000);
      dynamicExport(b);
      all.kill(b.agent);
      killed = stopped(stop, () => c.agent.reapers.sweep());
      if (killed) all.bury(c);
      expect(a.agent.reapers.sweep()).toEqual([]);
      nothingLeft(a);
    }
  });

  it('in the heap’s lock leaves a heap that the next one repairs', () => {
    const { all, a, b } = pair();
    const keep = a.heap.alloc(3 * 4096);
    const killed = stopped(14, () => b.heap.alloc(8192));
    expect(killed).toBe(true);
    all.kill(b.agent);
    a.heap.alloc(4096).close();
    all.bury(b);
    keep.close();
    nothingLeft(a);
    expect(a.heap.largestFree).toBe(a.heap.size);
  });
});

describe('leaving', () => {
  it('gives back all there was, and reports each handle that was open', async () => {
    const { a, b } = pair();
    const ids = [b.heap.alloc(1), b.heap.alloc(5000)].map((buf) => buf.id);
    const buf = b.heap.alloc(1);
    const att = buf.attachSync('x');
    att.mapSync('to-device');
    buf.close();
    b.buffers.close();
    const open = [...ids.map((id) => ['DmaBuf', id]), ['Attachment', buf.id]];
    expect(b.leaks.map(({ kind, id }) => [kind, id])).toEqual(open);
    b.agent.leave(new Error('closed'));
    nothingLeft(a);
  });

  it('frees what it exports also when nothing was closed before', () => {
    const { a, b } = pair();
    const { calls } = dynamicExport(b);
    b.agent.leave(new Error('closed'));
    expect(calls).toEqual([]);
    nothingLeft(a);
  });

  it('runs the release of what it exports and nobody else has', () => {
    const { a, b } = pair();
    const { buf, calls } = dynamicExport(b);
    b.buffers.close();
    b.agent.leave(new Error('closed'));
    expect(calls).toEqual(['release -']);
    expect(thrown(() => buf.name).message).toContain('domain was closed');
    nothingLeft(a);
  });
});
