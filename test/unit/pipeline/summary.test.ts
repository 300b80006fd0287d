// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Result } from '../../../src/tools/pipeline/job.js';
import { progressLine } from '../../../src/tools/pipeline/progress.js';
import { bytes, duration, summary, toJson } from '../../../src/tools/pipeline/summary.js';

const result: Result = {
  mode: 'threads',
  frames: 10,
  width: 64,
  height: 48,
  workers: 2,
  seconds: 0.5,
  latency: {
    toFilter: { p50: 20, p99: 90 },
    toEncoder: { p50: 30, p99: 95 },
    hop: { p50: 25, p99: 94 },
    frame: { p50: 4000, p99: 9000 },
  },
  bytesCopied: 0,
  occupancy: { size: 6, mean: 4.25, max: 6 },
  checksum: '0123456789abcdef',
  prefixChecksum: null,
  kills: 3,
  leaks: { buffers: 0, attachments: 0, locks: 0, fences: 0 },
};

describe('the JSON result', () => {
  it('has what a program asks for, in one line', () => {
    const line = toJson(result);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({
      mode: 'threads',
      frames: 10,
      width: 64,
      height: 48,
      workers: 2,
      seconds: 0.5,
      fps: 20,
      bytesCopiedPerFrame: 0,
      hopMicros: { p50: 25, p99: 94 },
      checksum: '0123456789abcdef',
      kills: 3,
      leaks: { buffers: 0, attachments: 0, locks: 0, fences: 0 },
    });
  });
});

describe('the summary', () => {
  it('has a column per mode', () => {
    const copied: Result = { ...result, mode: 'copy', bytesCopied: 155_000_000, kills: 0 };
    const text = summary([result, copied], 'blur');
    expect(text).toMatch(/threads +copy\n/);
    expect(text).toMatch(/bytes copied per frame +0 B +15\.5 MB/);
    expect(text).toMatch(/hop to a filter.* +20 us \/ 90 us/);
    expect(text).toMatch(/frames in flight.* +4\.3 \/ 6 \/ 6/);
    expect(text).toContain('workers killed: 3');
  });

  it('says what was left behind', () => {
    expect(summary([result], 'blur')).toContain('left behind: nothing');
    const leaking = { ...result, leaks: { ...result.leaks, fences: 2 } };
    expect(summary([leaking], 'blur')).toContain('left behind: 2 fences');
  });
});

describe('units', () => {
  it('are the ones people read', () => {
    expect([duration(12), duration(1500)]).toEqual(['12 us', '1.5 ms']);
    expect([bytes(0), bytes(1500), bytes(3_110_400)]).toEqual(['0 B', '1.5 kB', '3.1 MB']);
  });
});

describe('the progress line', () => {
  it('fills its bar', () => {
    expect(progressLine('copy', 50, 100, 25)).toBe(
      `copy [${'#'.repeat(15)}${'.'.repeat(15)}] 50/100, 25.0 frames/s`,
    );
  });

  it('has no bar when nobody knows the end', () => {
    expect(progressLine('copy', 50, Infinity, 25)).toBe('copy 50 frames, 25.0 frames/s');
  });
});
