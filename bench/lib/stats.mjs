// SPDX-License-Identifier: MIT

/** The upper median: always one of the samples. */
export function median(samples) {
  if (samples.length === 0) throw new Error('no samples');
  return Float64Array.from(samples).toSorted()[samples.length >> 1];
}
