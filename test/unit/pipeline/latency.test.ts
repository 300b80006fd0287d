// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../src/tools/pipeline/latency.js';

describe('histogram', () => {
  it('gives percentiles within 3 %', () => {
    const histogram = new Histogram();
    for (let micros = 1; micros <= 10_000; micros++) histogram.record(micros);
    for (const fraction of [0.01, 0.5, 0.99, 1]) {
      const exact = fraction * 10_000;
      expect(Math.abs(histogram.percentile(fraction) - exact) / exact).toBeLessThan(0.03);
    }
  });

  it('is 0 when nothing was recorded', () => {
    expect(new Histogram().percentiles()).toEqual({ p50: 0, p99: 0 });
  });

  it('keeps the extremes', () => {
    const histogram = new Histogram();
    histogram.record(-5);
    expect(histogram.percentile(1)).toBe(1);
    histogram.record(1e15);
    expect(histogram.percentile(1)).toBeGreaterThan(1e11);
  });

  it('adds another one to itself', () => {
    const [low, high] = [new Histogram(), new Histogram()];
    for (let n = 0; n < 3; n++) low.record(10);
    high.record(1000);
    low.add(high);
    expect(low.count).toBe(4);
    expect(low.percentile(0.75)).toBeCloseTo(10, 0);
    expect(low.percentile(1)).toBeGreaterThan(900);
  });
});
