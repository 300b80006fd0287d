// SPDX-License-Identifier: MIT
/**
 * testing/cases/moving-between — a move between any two steps of an importer.
 */

import {
  attachDynamic,
  cpuPaints,
  cpuShows,
  expectPattern,
  type Importer,
  type View,
} from '../importer.js';
import { paint } from '../segments.js';
import type { Trial } from '../trial.js';
import { type Case, movingTrial } from './case.js';

/** An importer that does one thing after the other. Each step finds the content that the one before left. */
class Walk {
  #importer: Importer | null = null;
  #view: View | null = null;
  #seed = 0;

  constructor(readonly trial: Trial) {}

  async come(): Promise<void> {
    this.#importer = await attachDynamic(this.trial);
  }

  async go(): Promise<void> {
    await this.#importer?.detach();
    this.#importer = null;
    this.#view = null;
  }

  /** A mapping that has moved is made again, as importers do. */
  async use(): Promise<void> {
    if (this.#view === null || this.#view.stale) {
      this.#view = (await this.#importer?.map('bidirectional')) ?? null;
    }
    const segments = this.#view?.segments ?? [];
    expectPattern(this.trial, segments, this.#seed, 'an importer between moves');
    paint(segments, ++this.#seed);
  }

  async unmap(): Promise<void> {
    await this.#view?.unmap();
    this.#view = null;
  }

  /** The CPU writes. */
  async fill(): Promise<void> {
    await cpuPaints(this.trial, ++this.#seed);
  }

  /** The CPU reads. */
  async look(): Promise<void> {
    await cpuShows(this.trial, this.#seed, 'the CPU between moves');
  }
}

const STEPS = (
  'fill look come use look use fill use unmap use use unmap look go look ' +
  'come use go look fill come use unmap go look'
).split(' ') as readonly Exclude<keyof Walk, 'trial'>[];

async function moveBefore(trial: Trial, moved: number, times: number): Promise<void> {
  const walk = new Walk(trial);
  for (const [n, step] of STEPS.entries()) {
    const moves = n === moved ? times : 0;
    for (let time = 0; time < moves; time++) await trial.move();
    await walk[step]();
  }
}

function moveAnywhere(times: number): (trial: Trial) => Promise<void> {
  return async (trial) => {
    // Before the first step there is no content that could be lost.
    for (const moved of STEPS.keys()) if (moved > 0) await moveBefore(trial, moved, times);
  };
}

export const movingBetweenCases: readonly Case[] = [
  movingTrial('move-anywhere', moveAnywhere(1), 'once'),
  movingTrial('move-anywhere', moveAnywhere(2), 'twice in a row'),
];
