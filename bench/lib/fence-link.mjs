// SPDX-License-Identifier: MIT
import { Fence } from 'dmabuf';

/**
 * Our link for signals and wakes: each party's points on a timeline of its own, all issued, and
 * found by the other party, before the run begins.
 */
export function fenceLink(domain, name, blocking) {
  const timeline = domain.timeline(name);
  let mine = [];
  let theirs = [];
  return {
    blocking,
    offer(count) {
      mine = Array.from({ length: count }, () => timeline.next());
      return mine.map((fence) => fence.toJSON());
    },
    accept(names) {
      theirs = names.map((each) => Fence.from(domain, each));
    },
    signal: (k) => timeline.signal(mine[k]),
    wait: blocking ? (k) => theirs[k].waitSync() : (k) => theirs[k].wait(),
  };
}
