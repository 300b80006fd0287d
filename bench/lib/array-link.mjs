// SPDX-License-Identifier: MIT
import { Fence } from 'dmabuf';
import { MEMBERS } from './members.mjs';

/**
 * Our link for wakes by several fences at once: a party's signal is one point on each of its timelines, and the other party waits
 * for them as one array. All are issued, put together, and found by the other party before the run begins.
 */
export function arrayLink(domain, name) {
  const timelines = Array.from({ length: MEMBERS }, (_, n) => domain.timeline(`${name} ${n}`));
  let mine = [];
  let theirs = [];
  return {
    blocking: true,
    offer(count) {
      mine = Array.from({ length: count }, () => timelines.map((timeline) => timeline.next()));
      return mine.map((points) => Fence.all(points).toJSON());
    },
    accept(names) {
      theirs = names.map((each) => Fence.from(domain, each));
    },
    signal(k) {
      for (const [n, point] of mine[k].entries()) timelines[n].signal(point);
    },
    wait: (k) => theirs[k].waitSync(),
  };
}
