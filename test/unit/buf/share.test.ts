// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Member } from '../../../src/buf/index.js';
import { openShare, type Share } from '../../../src/buf/index.js';
import { nth, rigs, thrown } from './rig.js';

const member = (name: string): Member => ({
  name,
  as: 'thread',
  id: 1,
  host: null,
  gone: new Promise(() => {}),
  kill: async () => {},
});

describe('shares', () => {
  it('a share outlives the handle it came from, and is plain JSON', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(100, { name: 'frame' });
    const share = JSON.parse(JSON.stringify(buf.share())) as Share;
    buf.close();
    const theirs = openShare(b.buffers, 'open', share);
    expect([theirs.name, theirs.size]).toEqual(['frame', 100]);
    theirs.close();
    a.buffers.tickets.sweep();
    expect(a.heap.used).toBe(0);
  });

  it('a share opens once, and says so', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const share = a.heap.alloc(1).share();
    openShare(b.buffers, 'open', share).close();
    for (const rig of [a, b]) {
      const error = thrown(() => openShare(rig.buffers, 'open', share));
      expect(error).toMatchObject({ code: 'ESTALE' });
      expect(error.message).toContain('opened already');
    }
    a.buffers.tickets.sweep();
    expect(thrown(() => openShare(b.buffers, 'open', share)).message).toContain('opened already');
  });

  it('the sender may open its own share', () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(1);
    const again = openShare(a.buffers, 'open', buf.share());
    expect(again.id).toBe(buf.id);
    buf.close();
    again.close();
    expect(a.heap.used).toBe(0);
  });

  it('the sender learns by a note that its share was opened', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1);
    const theirs = openShare(b.buffers, 'open', buf.share());
    buf.close();
    theirs.close();
    expect(a.heap.used).toBe(4096);
    a.agent.serve();
    expect(a.buffers.tickets.sent).toBe(0);
    expect(a.heap.used).toBe(0);
  });

  it('revoke takes back what nobody opened, once', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1);
    const share = buf.share();
    expect(b.heap.alloc(1).revoke(share)).toBe(false);
    expect(buf.revoke(share)).toBe(true);
    expect(buf.revoke(share)).toBe(false);
    expect(thrown(() => openShare(b.buffers, 'open', share)).message).toContain('revoked');
    const late = buf.share();
    openShare(b.buffers, 'open', late).close();
    expect(buf.revoke(late)).toBe(false);
    buf.close();
    expect(a.heap.used).toBe(4096);
  });

  it('a share is over with its sender, and the buffer with it', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const share = a.heap.alloc(1).share();
    all.bury(a);
    const error = thrown(() => openShare(b.buffers, 'open', share));
    expect(error).toMatchObject({ code: 'ESTALE' });
    expect(error.message).toContain('sender');
    expect(b.heap.used).toBe(0);
  });

  it('a share for one member opens nowhere else, and comes back when that member dies', () => {
    const tags = new Map<string, number>();
    const all = rigs(3, {}, { memberTag: ({ name }) => tags.get(name) ?? 0 });
    const [a, b, c] = [nth(all, 0), nth(all, 1), nth(all, 2)];
    tags.set('b', b.agent.tag);
    const buf = a.heap.alloc(1);
    const first = buf.share({ to: member('b') });
    expect(thrown(() => openShare(c.buffers, 'open', first))).toMatchObject({ code: 'EACCES' });
    openShare(b.buffers, 'open', first);
    const second = buf.share({ to: member('b') });
    buf.close();
    all.bury(b);
    a.agent.serve();
    expect(a.heap.used).toBe(0);
    expect(thrown(() => openShare(c.buffers, 'open', second)).message).toContain('gone');
    const other = a.heap.alloc(1);
    for (const name of ['b', 'nobody']) {
      expect(thrown(() => other.share({ to: member(name) }))).toMatchObject({ code: 'ESTALE' });
    }
    other.close();
    expect(a.heap.used).toBe(0);
  });

  it('what is no member cannot be meant by a share', () => {
    const buf = nth(rigs(1, {}, { memberTag: () => null }), 0).heap.alloc(1);
    for (const to of [{}, null, 'b'] as never[]) {
      expect(thrown(() => buf.share({ to })).message).toMatch(/^EINVAL: .*to must be a Member/);
    }
    const nobody = nth(rigs(1), 0).heap.alloc(1);
    expect(thrown(() => nobody.share({ to: member('b') }))).toMatchObject({ code: 'EINVAL' });
  });

  it('a read-only share gives a reference that cannot write, whatever becomes of it', async () => {
    const all = rigs(3);
    const [a, b, c] = [nth(all, 0), nth(all, 1), nth(all, 2)];
    const share = a.heap.alloc(1).share({ readOnly: true });
    const theirs = openShare(b.buffers, 'open', share);
    const onward = openShare(c.buffers, 'open', theirs.share());
    for (const buf of [theirs, theirs.dup(), onward]) {
      expect(buf.cpuAccessSync('read').bytes.length).toBe(1);
      expect(thrown(() => buf.tryCpuAccess('write'))).toMatchObject({ code: 'EACCES' });
      await expect(buf.cpuAccess('read-write')).rejects.toMatchObject({ code: 'EACCES' });
      using att = buf.attachSync('gpu');
      expect(att.mapSync('to-device').size).toBe(1);
      for (const direction of ['from-device', 'bidirectional'] as const) {
        expect(thrown(() => att.mapSync(direction))).toMatchObject({ code: 'EACCES' });
      }
    }
  });

  it('what is no share of this domain is refused with the reason', () => {
    const a = nth(rigs(1), 0);
    const share = a.heap.alloc(1).share();
    const cases: readonly [unknown, string][] = [
      [null, 'EINVAL'],
      [{}, 'EINVAL'],
      [{ ...share, ticket: 1.5 }, 'EINVAL'],
      [{ ...share, ticket: -1 }, 'EINVAL'],
      [{ ...share, ticket: 2 ** 40 }, 'EINVAL'],
      [{ ...share, generation: Number.NaN }, 'EINVAL'],
      [{ ...share, domain: 'another' }, 'EXDEV'],
      [{ ...share, generation: share.generation + 1 }, 'ESTALE'],
    ];
    for (const [given, code] of cases) {
      expect(thrown(() => openShare(a.buffers, 'open', given as Share))).toMatchObject({ code });
    }
    expect(openShare(a.buffers, 'open', share).size).toBe(1);
  });

  it('a share whose id does not fit its ticket is refused and leaves the reference alone', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const share = a.heap.alloc(1).share();
    const forged = { ...share, id: share.id + 1 };
    expect(thrown(() => openShare(b.buffers, 'open', forged))).toMatchObject({ code: 'EINVAL' });
    const theirs = openShare(b.buffers, 'open', share);
    expect(theirs.id).toBe(share.id);
    theirs.close();
    expect(b.buffers.life.refers(b.agent.slot, theirs.row)).toBe(false);
  });

  it('revoke knows an old share from a new one of the same ticket row', () => {
    const all = rigs(2, { buffers: 1 });
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1);
    const old = buf.share();
    expect(buf.revoke(old)).toBe(true);
    const next = buf.share();
    expect(next.ticket).toBe(old.ticket);
    expect(buf.revoke(old)).toBe(false);
    expect(openShare(b.buffers, 'open', next).id).toBe(buf.id);
  });

  it('tickets run out with the table, and those that were opened make room', () => {
    const all = rigs(2, { buffers: 4 });
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1);
    const shares = [1, 2, 3, 4].map(() => buf.share());
    const holders = a.buffers.holders(buf.row);
    const error = thrown(() => buf.share());
    expect(error).toMatchObject({ code: 'ENFILE', at: { table: 'tickets', limit: 4 } });
    expect(a.buffers.holders(buf.row)).toBe(holders);
    openShare(b.buffers, 'open', shares[2] as Share);
    expect(buf.share().ticket).toBe(shares[2]?.ticket);
  });
});
