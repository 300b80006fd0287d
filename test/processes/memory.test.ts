// SPDX-License-Identifier: MIT
/** What buffers cost: memory that is the system's again, and neither descriptors nor mappings, in each of two processes. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type DmaBuf, Domain, KiB, MiB, type Share } from 'dmabuf';
import { afterEach, expect, test } from 'vitest';
import { type Footprint, footprint, slabsInUse } from './support/footprint.mjs';

const OPENS = new URL('./programs/opens.mjs', import.meta.url);

interface Answer {
  /** Of the first and the last byte of what was read. */
  readonly sum: number;
  readonly footprint: Footprint;
}

/** A process that opens what it is sent. */
class Opener {
  private constructor(readonly host: ChildProcess) {}

  static async start(domain: Domain): Promise<Opener> {
    const member = await domain.spawn(OPENS, { as: 'process' });
    const host = member.host as ChildProcess;
    await once(host, 'message');
    return new Opener(host);
  }

  /** `every`: the distance between buffers that are read. */
  async opens(shares: readonly Share[], { keep = false, every = 1 } = {}): Promise<Answer> {
    const answer = once(this.host, 'message') as Promise<[Answer]>;
    this.host.send({ shares, keep, every });
    const [told] = await answer;
    return told;
  }

  async leaves(): Promise<void> {
    const exit = once(this.host, 'exit');
    this.host.send({ end: true });
    await exit;
  }
}

let open: Domain | null = null;

async function domainOf(options: Parameters<typeof Domain.create>[0]): Promise<Domain> {
  open = await Domain.create({ processes: true, ...options });
  return open;
}

afterEach(async () => {
  await open?.close();
  open = null;
});

/** Decides nothing: so many buffers take a busy machine their time. */
const LONG = { timeout: 240_000 };

/** One of 20 is large enough to be given back when it is closed. */
const SIZES = Array.from({ length: 100 }, (_, n) =>
  n % 20 === 0 ? 2 * MiB : (1 + (n % 7)) * 4 * KiB,
);

/** Allocates, fills, shares, and closes when the other process has read and closed it. */
async function cycle(domain: Domain, opener: Opener): Promise<Answer> {
  const bufs = SIZES.map((size) => domain.alloc(size));
  for (const buf of bufs) {
    using cpu = buf.cpuAccessSync('write');
    cpu.bytes.fill(1);
  }
  const answer = await opener.opens(bufs.map((buf) => buf.share()));
  for (const buf of bufs) buf.close();
  await domain.idle();
  return answer;
}

test(
  '10 000 buffers that are allocated, shared with another process and closed leave nothing behind',
  LONG,
  async () => {
    const domain = await domainOf({ heap: 64 * MiB, limits: { buffers: 256 } });
    const opener = await Opener.start(domain);
    // What both have once and for all: code, handles of the channel to the other one, the first pages.
    let theirs = await cycle(domain, opener);
    for (let round = 0; round < 4; round++) theirs = await cycle(domain, opener);
    const before = { ours: footprint(), theirs: theirs.footprint, slabs: slabsInUse() };
    for (let round = 0; round < 100; round++) {
      theirs = await cycle(domain, opener);
      expect(theirs.sum).toBe(2 * SIZES.length);
    }
    const ours = footprint();
    expect(domain.heap('system').used).toBe(0);
    // Small buffers leave their pages to the next ones; of the large ones nothing stays.
    expect(slabsInUse()).toBeLessThanOrEqual(before.slabs);
    expect(before.slabs).toBeLessThan(4 * MiB);
    for (const [now, then] of [
      [ours, before.ours],
      [theirs.footprint, before.theirs],
    ] as const) {
      expect(now.descriptors).toBe(then.descriptors);
      expect(now.shared - then.shared).toBeLessThan(MiB);
      // 1 GiB went through: whatever JavaScript's own heap does meanwhile is far less.
      expect(now.resident - then.resident).toBeLessThan(100 * MiB);
    }
    await opener.leaves();
  },
);

test(
  '65 536 live buffers take neither descriptors nor mappings, in any process',
  LONG,
  async () => {
    const domain = await domainOf({ limits: { buffers: 65_536 } });
    const opener = await Opener.start(domain);
    const warm = domain.alloc(1);
    const before = { ours: footprint(), theirs: (await opener.opens([warm.share()])).footprint };
    warm.close();
    await domain.idle();
    const bufs: DmaBuf[] = [];
    for (let n = 0; n < 65_536; n++) bufs.push(domain.alloc(4 * KiB));
    expect(() => domain.alloc(1)).toThrow(expect.objectContaining({ code: 'ENFILE' }));
    let theirs: Answer | null = null;
    for (let first = 0; first < bufs.length; first += 8192) {
      const part = bufs.slice(first, first + 8192);
      const last = part.at(-1);
      using cpu = part[0]?.cpuAccessSync('write');
      cpu?.bytes.fill(1);
      theirs = await opener.opens(
        part.map((buf) => buf.share()),
        { keep: true, every: part.length },
      );
      expect([theirs.sum, last?.closed]).toEqual([2, false]);
    }
    const ours = footprint();
    expect(ours.descriptors).toBe(before.ours.descriptors);
    expect(theirs?.footprint.descriptors).toBe(before.theirs.descriptors);
    // Of the heaps of both JavaScript engines, which map some chunks for so many objects.
    expect(ours.mappings - before.ours.mappings).toBeLessThan(5000);
    expect((theirs?.footprint.mappings ?? 0) - before.theirs.mappings).toBeLessThan(5000);
    for (const buf of bufs) buf.close();
    await opener.leaves();
    expect(domain.heap('system').used).toBe(0);
  },
);
