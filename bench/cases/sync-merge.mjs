// SPDX-License-Identifier: MIT
/** Merging two sync files, each of so many points that are not signalled yet; half of the timelines are in both. */
import { Domain, Fence } from 'dmabuf';
import { SyncFile } from 'dmabuf/file';
import { mergeSorted } from '../floor/merge-sorted.mjs';
import { sink } from '../lib/sink.mjs';
import { interleave } from '../lib/timing.mjs';

export async function measure({ ms, points }) {
  const domain = await Domain.create();
  const timelines = Array.from({ length: points * 1.5 }, (_, k) => domain.timeline(`line ${k}`));
  const halves = [timelines.slice(0, points), timelines.slice(points / 2)];
  const fences = halves.map((half) => half.map((timeline) => timeline.next()));
  const [one, other] = fences.map((half) => SyncFile.create(domain, Fence.all(half)));
  const ours = {
    run(n) {
      for (let i = 0; i < n; i++) {
        const merged = one.merge(other, 'merged');
        sink.number += merged.id;
        merged.close();
      }
    },
  };
  const names = fences.map((half) => half.map(({ timeline, seqno }) => [timeline, seqno]));
  return interleave({ ours, 'merge of two sorted arrays': mergeSorted(names) }, ms);
}
