// SPDX-License-Identifier: MIT
/**
 * testing/cases/bytes — what importers see in the memory.
 */

import type { Direction } from 'dmabuf';
import {
  attach,
  cpuPaints,
  cpuShows,
  expectPattern,
  IMPORTERS,
  type ImporterKind,
  paintThrough,
  shows,
} from '../importer.js';
import { paint } from '../segments.js';
import type { Trial } from '../trial.js';
import { type Case, oneTrial } from './case.js';

const DIRECTIONS: readonly Direction[] = ['to-device', 'from-device', 'bidirectional'];

/** The monitor adds up what a map gives; here it is seen whether the bytes are there, each of them once. */
async function coversSize(trial: Trial, kind: ImporterKind): Promise<void> {
  const importer = await attach(trial, kind);
  const view = await importer.map('bidirectional');
  paint(view.segments, 1);
  expectPattern(trial, view.segments, 1, 'after a write to every byte');
  await view.unmap();
  await importer.detach();
}

async function sameBytes(trial: Trial, kind: ImporterKind): Promise<void> {
  const [one, two] = [await attach(trial, kind, 'one'), await attach(trial, kind, 'two')];
  const first = await one.map('bidirectional');
  const second = await two.map('bidirectional');
  const again = await one.map('bidirectional');
  paint(first.segments, 1);
  expectPattern(trial, second.segments, 1, 'the mapping of another importer');
  expectPattern(trial, again.segments, 1, 'a second mapping of the same attachment');
  await cpuShows(trial, 1, 'the CPU');
  paint(second.segments, 2);
  expectPattern(trial, first.segments, 2, 'after a write by another importer');
  await cpuPaints(trial, 3);
  expectPattern(trial, first.segments, 3, 'after a write by the CPU');
  for (const view of [first, second, again]) await view.unmap();
  for (const importer of [one, two]) await importer.detach();
}

async function keepsContent(trial: Trial, kind: ImporterKind): Promise<void> {
  const importer = await attach(trial, kind);
  for (const seed of [1, 2]) {
    await paintThrough(importer, seed);
    await shows(trial, importer, seed, 'after unmap and map');
  }
  await importer.detach();
}

/** An attachment each: one that keeps its mapping serves one direction only. */
async function everyDirection(trial: Trial, kind: ImporterKind): Promise<void> {
  for (const [n, direction] of DIRECTIONS.entries()) {
    const importer = await attach(trial, kind);
    const [fromCpu, fromDevice] = [1 + n, 10 + n];
    await cpuPaints(trial, fromCpu);
    const view = await importer.map(direction);
    if (direction !== 'from-device') {
      expectPattern(trial, view.segments, fromCpu, `mapped "${direction}" after a CPU write`);
    }
    if (direction !== 'to-device') paint(view.segments, fromDevice);
    await view.unmap();
    const expected = direction === 'to-device' ? fromCpu : fromDevice;
    await cpuShows(trial, expected, `the CPU after unmap of "${direction}"`);
    await importer.detach();
  }
}

async function oneUnmapOneMapping(trial: Trial, kind: ImporterKind): Promise<void> {
  const importer = await attach(trial, kind);
  const first = await importer.map('bidirectional');
  const second = await importer.map('bidirectional');
  paint(first.segments, 1);
  await first.unmap();
  expectPattern(trial, second.segments, 1, 'the second mapping, after unmap of the first');
  paint(second.segments, 2);
  await shows(trial, importer, 2, 'after a write to the second mapping, mapped once more');
  await second.unmap();
  await importer.detach();
}

async function attachAgain(trial: Trial, kind: ImporterKind): Promise<void> {
  for (const seed of [1, 2, 3]) {
    const importer = await attach(trial, kind);
    if (seed > 1) await shows(trial, importer, seed - 1, 'attached again');
    await paintThrough(importer, seed);
    await importer.detach();
  }
}

async function outlivesItsHandle(trial: Trial, kind: ImporterKind): Promise<void> {
  await cpuPaints(trial, 1);
  using buf = trial.buf.dup();
  trial.buf.close();
  const importer = await attach(trial, kind, 'kit', buf);
  await shows(trial, importer, 1, 'after the handle was closed');
  {
    using cpu = await buf.cpuAccess('read', trial.wait);
    expectPattern(trial, cpu.segments, 1, 'the CPU, after the handle was closed');
  }
  await importer.detach();
}

async function cpuAccessEnds(trial: Trial): Promise<void> {
  const { buf, wait } = trial;
  await cpuPaints(trial, 1);
  {
    using one = await buf.cpuAccess('read', wait);
    using two = await buf.cpuAccess('read', wait);
    expectPattern(trial, one.segments, 1, 'one of two accesses');
    expectPattern(trial, two.segments, 1, 'the other of two accesses');
    one.end();
    expectPattern(trial, two.segments, 1, 'one access after the end of the other');
  }
  for (const intent of ['read', 'write', 'read-write'] as const) {
    await cpuShows(trial, 1, `accessed again for "${intent}"`, intent);
  }
  await trial.takesNothing('the CPU accessed the buffer', () => cpuPaints(trial, 1));
}

const SIDE_BY_SIDE = 6;

async function sideBySide(trial: Trial, kind: ImporterKind): Promise<void> {
  const all = await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, (_, n) => attach(trial, kind, `importer-${n}`)),
  );
  const views = await Promise.all(all.map((importer) => importer.map('bidirectional')));
  const [first] = views;
  paint(first?.segments ?? [], 1);
  for (const view of views) expectPattern(trial, view.segments, 1, 'importers side by side');
  const half = SIDE_BY_SIDE / 2;
  await Promise.all(views.map((view) => view.unmap()));
  const late = await Promise.all([
    attach(trial, kind, 'late'),
    ...all.slice(0, half).map((importer) => importer.detach()),
  ]);
  await shows(trial, late[0], 1, 'an importer that came while others went');
  await Promise.all([late[0], ...all.slice(half)].map((importer) => importer.detach()));
}

const both = (rule: Case['rule'], body: (trial: Trial, kind: ImporterKind) => Promise<void>) =>
  IMPORTERS.map((kind) => oneTrial(rule, (trial) => body(trial, kind), `${kind} importer`));

export const byteCases: readonly Case[] = [
  ...both('covers-size', coversSize),
  ...both('same-bytes', sameBytes),
  ...both('keeps-content', keepsContent),
  ...both('every-direction', everyDirection),
  ...both('one-unmap-one-mapping', oneUnmapOneMapping),
  ...both('attach-again', attachAgain),
  ...both('outlives-its-handle', outlivesItsHandle),
  oneTrial('cpu-access-ends', cpuAccessEnds),
  ...both('side-by-side', sideBySide),
];
