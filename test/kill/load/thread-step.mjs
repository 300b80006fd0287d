// SPDX-License-Identifier: MIT
// @ts-check
/** A step that starts a thread, which works like its starter, and is terminated in the middle of it. */
import { setImmediate as turn } from 'node:timers/promises';
import { Crewmate } from '../crewmate.mjs';

/** @import {Load} from './load.mjs' */

const POINTS = 20;

/** @param {Load} load */
export async function thread(load) {
  const { domain, setup } = load;
  if (setup.depth > 0) return;
  const mate = await Crewmate.start(domain, {
    as: 'thread',
    name: `${domain.agent} / ${++load.serial}`,
    setup: { ...setup, seed: 1 + load.choose(2 ** 30), depth: setup.depth + 1 },
    found: load.found,
  });
  mate.begin(
    { records: load.records.map(({ buf }) => buf), camera: load.camera },
    load.choose(POINTS),
  );
  await mate.due();
  for (let turns = load.choose(20); turns > 0; turns--) await turn();
  await mate.kill();
}
