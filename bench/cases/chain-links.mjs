// SPDX-License-Identifier: MIT
/**
 * A chain of 100 000 links: made, its payloads signalled in order, asked, and its records used again. Per link, against chains of
 * 10 000. All rounds together need more records than there are: none is left behind.
 */
import { Domain, FenceChain } from 'dmabuf';
import { median } from '../lib/stats.mjs';

const LONG = 100_000;
const SHORT = 10_000;
const ROUNDS = 3;
const NS_PER_MS = 1e6;

function runChain(domain, timeline, links) {
  const points = Array.from({ length: links }, () => timeline.next());
  let head = null;
  for (const [n, point] of points.entries()) head = FenceChain.append(domain, head, point, n + 1);
  for (const point of points) timeline.signal(point);
  if (!head.signaled) throw new Error('all has signalled, and the chain is pending');
}

/** Nanoseconds per link of as many chains as make `LONG` links. */
function timeLinks(domain, timeline, links) {
  const start = performance.now();
  for (let made = 0; made < LONG; made += links) runChain(domain, timeline, links);
  return ((performance.now() - start) * NS_PER_MS) / LONG;
}

export async function measure() {
  const domain = await Domain.create();
  const timeline = domain.timeline('payloads');
  const lengths = [LONG, SHORT];
  const samples = lengths.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [n, links] of lengths.entries()) {
      const ns = timeLinks(domain, timeline, links);
      // The first round is for the optimizing compiler.
      if (round > 0) samples[n].push(ns);
    }
  }
  const [long, short] = samples.map((each) => ({ ns: median(each) }));
  return { ours: long, 'chains of 10 000': short };
}
