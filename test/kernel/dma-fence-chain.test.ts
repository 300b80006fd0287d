// SPDX-License-Identifier: MIT
/**
 * What Linux asks of dma_fence_chain in drivers/dma-buf/st-dma-fence-chain.c, asked here in this project's words, under the
 * kernel's names. Payloads are fences of their own, so that they can signal in any order; a collected link is one that no walk
 * comes to any more.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { type AnyFence, Fence, FenceChain, type Fences } from '../../src/fence/index.js';
import { codeOf, domainOf, fenceRooms, turn } from '../unit/fence/rooms.js';

let a: Fences;
let b: Fences;
beforeEach(() => {
  [a, b] = fenceRooms(2).rooms as [Fences, Fences];
});

interface Chains {
  readonly payloads: readonly Fence[];
  readonly links: readonly FenceChain[];
  readonly tail: FenceChain;
}

/** `count` links; link i has number (i + 1) * step. */
function chains(count: number, step = 1): Chains {
  const payloads: Fence[] = [];
  const links: FenceChain[] = [];
  for (let i = 0; i < count; i++) {
    const payload = a.create(a.contexts(), 1);
    payloads.push(payload);
    links.push(FenceChain.append(domainOf(a), links[i - 1] ?? null, payload, (i + 1) * step));
  }
  return { payloads, links, tail: links.at(-1) as FenceChain };
}

/** Repeatable. */
function shuffled<T>(values: readonly T[], seed: number): T[] {
  const result = [...values];
  let state = seed;
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

const find = (link: FenceChain, seqno: number): AnyFence | null => link.findSeqno(seqno);

describe('dma_fence_chain', () => {
  test('sanitycheck: a chain of one, watched, signalled, dropped', async () => {
    const { payloads, tail } = chains(1);
    const seen = tail.wait();
    a.signal(payloads[0] as Fence);
    await seen;
    expect([tail.signaled, tail.error, a.containers.pending]).toEqual([true, null, 0]);
  });

  test('find_seqno: every number leads to its link, and none past the end', async () => {
    const { links, tail } = chains(64);
    expect(find(tail, 0)).toBe(tail);
    for (const [i, link] of links.entries()) {
      expect(find(tail, i + 1)).toBe(link);
      expect(find(link, i + 1)).toBe(link);
      expect(await codeOf(() => find(link, i + 2))).toBe('EINVAL');
      if (i > 0) expect(find(link, i)).toBe(links[i - 1]);
    }
  });

  test('find_signaled: the first payload is over, so its number is null or its link', () => {
    const { payloads, links, tail } = chains(2);
    a.signal(payloads[0] as Fence);
    expect([null, links[0]]).toContain(find(tail, 1));
  });

  test('find_out_of_order: the middle one is over, so what is left to wait for is the first', () => {
    const { payloads, links, tail } = chains(3);
    a.signal(payloads[1] as Fence);
    expect(find(tail, 2)).toBe(links[0]);
  });

  test('find_gap: a number between two links leads to the later one', () => {
    const { links, tail } = chains(64, 2);
    for (const [i, link] of links.entries()) {
      expect(find(tail, 2 * i + 1)).toBe(link);
      expect(find(tail, 2 * i + 2)).toBe(link);
    }
  });

  // On real threads: test/threads/containers.test.ts. Here each look meets each state.
  test('find_race: numbers at random, while payloads at random signal, seen from two agents', () => {
    const { payloads, tail } = chains(64);
    const theirs = Fence.from(domainOf(b), tail.toJSON()) as FenceChain;
    const numbers = shuffled(
      payloads.slice(0, -1).map((_, i) => i),
      7,
    );
    for (const i of numbers) {
      for (const chain of [tail, theirs]) {
        const found = find(chain, i + 1);
        if (found instanceof FenceChain && found.seqno === i + 1) {
          expect(found.findSeqno(i + 1)).toBe(found);
        }
      }
      a.signal(payloads[i] as Fence);
    }
    expect([find(tail, 63), find(theirs, 63)]).toEqual([null, null]);
    expect(find(theirs, 64)).toBe(theirs);
  });

  test('signal_forward: a link has signalled with its payload, and the next one has not', () => {
    const { payloads, links } = chains(64);
    for (const [i, payload] of payloads.entries()) {
      a.signal(payload);
      expect(links[i]?.signaled).toBe(true);
      expect(links[i + 1]?.signaled ?? false).toBe(false);
    }
  });

  test('signal_backward: no link has signalled while an older one is missing, then all have', () => {
    const { payloads, links } = chains(64);
    for (let i = 63; i > 0; i--) {
      a.signal(payloads[i] as Fence);
      expect(links[i]?.signaled).toBe(false);
    }
    a.signal(payloads[0] as Fence);
    expect(links.map((link) => link.signaled)).toEqual(links.map(() => true));
  });

  const orders = {
    wait_forward: (payloads: readonly Fence[]) => payloads,
    wait_backward: (payloads: readonly Fence[]) => payloads.toReversed(),
    wait_random: (payloads: readonly Fence[]) => shuffled(payloads, 11),
  };
  for (const [name, order] of Object.entries(orders)) {
    test(`${name}: who waits for the last of 4096 goes on when all are over, here and elsewhere`, async () => {
      const { payloads, tail } = chains(4096);
      const theirs = Fence.from(domainOf(b), tail.toJSON()) as FenceChain;
      let over = 0;
      const waits = [tail.wait(), theirs.wait()].map((wait) => wait.then(() => over++));
      const ordered = order(payloads);
      for (const [i, payload] of ordered.entries()) {
        if (i % 512 === 0) await turn();
        expect(over).toBe(0);
        a.signal(payload);
      }
      await Promise.all(waits);
      expect([tail.signaled, theirs.signaled]).toEqual([true, true]);
    });
  }
});
