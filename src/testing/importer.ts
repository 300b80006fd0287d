// SPDX-License-Identifier: MIT
/**
 * testing/importer — an importer as the cases use it: the same steps, static or dynamic.
 */

import type {
  CpuIntent,
  Device,
  Direction,
  DmaBuf,
  DynamicAttachment,
  DynamicMapping,
  Segment,
} from 'dmabuf';
import { difference, paint } from './segments.js';
import type { Trial } from './trial.js';

export const IMPORTERS = ['static', 'dynamic'] as const;
export type ImporterKind = (typeof IMPORTERS)[number];

/** Memory that an importer has mapped. */
export interface View {
  readonly segments: readonly Segment[];
  /** It has moved since. */
  readonly stale: boolean;
  unmap(): Promise<void>;
}

export interface Importer {
  /** How often it was told that the memory moves. */
  readonly moves: number;
  map(direction: Direction, signal?: AbortSignal): Promise<View>;
  detach(): Promise<void>;
}

export interface DynamicImporter extends Importer {
  readonly attachment: DynamicAttachment;
}

/** Attaches to the buffer of the trial, or to another handle on it. */
export function attach(
  trial: Trial,
  kind: ImporterKind,
  device: Device | string = 'kit',
  buf: DmaBuf = trial.buf,
): Promise<Importer> {
  return kind === 'static'
    ? attachStatic(trial, device, buf)
    : attachDynamic(trial, { device, buf });
}

async function attachStatic(trial: Trial, device: Device | string, buf: DmaBuf): Promise<Importer> {
  const { wait } = trial;
  const attachment = await buf.attach(device, wait);
  return {
    moves: 0,
    async map(direction, signal) {
      const mapping = await attachment.map(direction, { ...wait, signal });
      return {
        get segments() {
          return mapping.segments;
        },
        stale: false,
        unmap: async () => mapping.unmap(),
      };
    },
    detach: () => trial.within('detach', attachment.detach()),
  };
}

export async function attachDynamic(
  trial: Trial,
  { device = 'kit', buf = trial.buf, onMove }: DynamicOptions = {},
): Promise<DynamicImporter> {
  const { wait } = trial;
  let moves = 0;
  const moveNotify = (): undefined => {
    moves++;
    onMove?.();
  };
  const attachment = await buf.dynamicAttach(device, { moveNotify }, wait);
  return {
    attachment,
    get moves() {
      return moves;
    },
    async map(direction, signal) {
      using lock = await trial.lock();
      const mapping = await attachment.map(lock, direction, { ...wait, signal });
      await lock.wait('kernel', wait);
      return dynamicView(trial, mapping);
    },
    detach: () => trial.within('detach', attachment.detach()),
  };
}

interface DynamicOptions {
  readonly device?: Device | string;
  readonly buf?: DmaBuf;
  /** Called by moveNotify. */
  readonly onMove?: () => void;
}

function dynamicView(trial: Trial, mapping: DynamicMapping): View {
  return {
    get segments() {
      return mapping.segments;
    },
    get stale() {
      return mapping.stale;
    },
    async unmap() {
      using lock = await trial.lock();
      mapping.unmap(lock);
    },
  };
}

// --------------------------------------------------------------------------------------------- what is in the memory

/** Content through one fresh mapping. @throws ConformanceError it is not that pattern */
export async function shows(
  trial: Trial,
  importer: Importer,
  seed: number,
  when: string,
): Promise<void> {
  const view = await importer.map('bidirectional');
  expectPattern(trial, view.segments, seed, when);
  await view.unmap();
}

export function expectPattern(
  trial: Trial,
  segments: readonly Segment[],
  seed: number,
  when: string,
): void {
  const wrong = difference(segments, seed);
  if (wrong !== null) throw trial.fail(`${when}: ${wrong}`);
}

/** Writes that pattern through one fresh mapping. */
export async function paintThrough(importer: Importer, seed: number): Promise<void> {
  const view = await importer.map('bidirectional');
  paint(view.segments, seed);
  await view.unmap();
}

export async function cpuPaints(trial: Trial, seed: number): Promise<void> {
  using cpu = await trial.buf.cpuAccess('write', trial.wait);
  paint(cpu.segments, seed);
}

export async function cpuShows(
  trial: Trial,
  seed: number,
  when: string,
  intent: CpuIntent = 'read',
): Promise<void> {
  using cpu = await trial.buf.cpuAccess(intent, trial.wait);
  expectPattern(trial, cpu.segments, seed, when);
}

/** One importer comes, uses the buffer and goes. */
export async function visit(trial: Trial, kind: ImporterKind, seed: number): Promise<void> {
  const importer = await attach(trial, kind);
  try {
    await paintThrough(importer, seed);
    await shows(trial, importer, seed, 'mapped again');
  } finally {
    await importer.detach();
  }
}
