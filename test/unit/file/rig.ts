// SPDX-License-Identifier: MIT
/** Agents with the rooms up to the files of buffers, on one thread; exporters as in unit/buf. */
import { SyncFiles, syncSections } from '../../../src/sync/index.js';
import { type Rig as BufRig, rigs as bufRigs } from '../buf/rig.js';

export interface Rig extends BufRig {
  readonly name: string;
  readonly syncFiles: SyncFiles;
}

/** One agent, or several. */
export function rigs(count = 1): readonly Rig[] {
  const made = bufRigs(count, {}, {}, syncSections);
  return made.rigs.map((rig) => ({
    ...rig,
    name: 'test',
    syncFiles: new SyncFiles(rig.agent, rig.fences, rig.buffers),
  }));
}
