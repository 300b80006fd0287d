// SPDX-License-Identifier: MIT
/**
 * Reference for merging: two arrays of points, each sorted by timeline, become one. A point is three numbers; whether it is still
 * pending is a load of shared memory. Of a timeline that is in both, the later point stays.
 */
import { sink } from '../lib/sink.mjs';

const STRIDE = 16;

/** @param pairs  two lists of [timeline, seqno], each sorted by timeline */
export function mergeSorted([left, right]) {
  const words = new Int32Array(new SharedArrayBuffer(4 * STRIDE * (left.length + right.length)));
  let used = 0;
  const point = ([timeline, seqno]) => ({ timeline, seqno, at: STRIDE * used++ });
  const [a, b] = [left.map(point), right.map(point)];
  const merge = () => {
    const merged = [];
    const put = (one) => {
      if (Atomics.load(words, one.at) === 0) merged.push(one);
    };
    let [i, k] = [0, 0];
    while (i < a.length && k < b.length) {
      const [one, other] = [a[i], b[k]];
      if (one.timeline === other.timeline) {
        put(one.seqno > other.seqno ? one : other);
        i++;
        k++;
      } else if (one.timeline < other.timeline) {
        put(one);
        i++;
      } else {
        put(other);
        k++;
      }
    }
    while (i < a.length) put(a[i++]);
    while (k < b.length) put(b[k++]);
    return merged;
  };
  return {
    run(n) {
      for (let i = 0; i < n; i++) sink.object = merge();
    },
  };
}
