// SPDX-License-Identifier: MIT
/**
 * summary — the results as a table for people, and as one JSON object for programs.
 */
import type { Leaks, Result } from './job.js';
import type { Percentiles } from './latency.js';

export function toJson(result: Result): string {
  const { mode, frames, width, height, workers, checksum, kills, leaks } = result;
  return JSON.stringify({
    mode,
    frames,
    width,
    height,
    workers,
    seconds: round(result.seconds, 3),
    fps: round(fps(result), 2),
    bytesCopiedPerFrame: Math.round(bytesPerFrame(result)),
    hopMicros: result.latency.hop,
    frameMicros: result.latency.frame,
    checksum,
    kills,
    leaks,
  });
}

/** One column per result, all of the same input and filter. */
export function summary(results: readonly Result[], what: string): string {
  const [first] = results;
  if (first === undefined) return '';
  const rows: [string, (result: Result) => string][] = [
    ['', ({ mode }) => mode],
    ['frames', ({ frames }) => String(frames)],
    ['frames per second', (result) => fps(result).toFixed(1)],
    ['bytes copied per frame', (result) => bytes(bytesPerFrame(result))],
    ['hop to a filter, p50 / p99', ({ latency }) => percentiles(latency.toFilter)],
    ['hop to the encoder, p50 / p99', ({ latency }) => percentiles(latency.toEncoder)],
    ['whole way of a frame, p50 / p99', ({ latency }) => percentiles(latency.frame)],
    ['frames in flight, mean / most / limit', occupancy],
    ['checksum', ({ checksum }) => checksum],
  ];
  const labels = Math.max(...rows.map(([label]) => label.length));
  const cells = rows.map(([, cell]) => results.map(cell));
  const width = Math.max(...cells.flat().map((cell) => cell.length)) + 3;
  const lines = rows.map(([label], row) => {
    const columns = (cells[row] ?? []).map((cell) => cell.padStart(width));
    return `${label.padEnd(labels)}${columns.join('')}`;
  });
  const title = `${first.width}x${first.height}, ${what}, ${first.workers} workers`;
  return [title, ...lines, ...results.flatMap(remarks)].join('\n');
}

function remarks({ mode, kills, leaks }: Result): string[] {
  if (mode === 'copy') return [];
  const killed = kills === 0 ? [] : [`workers killed: ${kills}; their bands were done again`];
  return [...killed, `left behind: ${leftBehind(leaks)}`];
}

function leftBehind(leaks: Leaks): string {
  const left = Object.entries(leaks).filter(([, n]) => n > 0);
  return left.length === 0 ? 'nothing' : left.map(([what, n]) => `${n} ${what}`).join(', ');
}

function fps({ frames, seconds }: Result): number {
  return seconds > 0 ? frames / seconds : 0;
}

function bytesPerFrame({ bytesCopied, frames }: Result): number {
  return frames > 0 ? bytesCopied / frames : 0;
}

function occupancy({ occupancy: { mean, max, size } }: Result): string {
  return `${mean.toFixed(1)} / ${max} / ${size}`;
}

function percentiles({ p50, p99 }: Percentiles): string {
  return `${duration(p50)} / ${duration(p99)}`;
}

export function duration(micros: number): string {
  return micros < 1000 ? `${micros.toFixed(0)} us` : `${(micros / 1000).toFixed(1)} ms`;
}

export function bytes(count: number): string {
  if (count < 1e3) return `${Math.round(count)} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
