// SPDX-License-Identifier: MIT
/** Agents with clients of sync objects, on one thread. */
import type { Fence } from '../../../src/fence/index.js';
import type { Limits } from '../../../src/mem/index.js';
import { SyncobjClient } from '../../../src/syncobj/index.js';
import { type Rig as BufRig, rigs as bufRigs } from '../buf/rig.js';

export interface Rig extends BufRig {
  /** What a client needs of a domain. */
  readonly domain: { readonly name: string; readonly buffers: BufRig['buffers'] };
  readonly client: SyncobjClient;
  /** A fence that its own end signals. */
  job(): { readonly fence: Fence; readonly end: () => void };
}

export function rigs(count: number, limits?: Partial<Limits>): readonly Rig[] {
  return bufRigs(count, limits).rigs.map((rig) => {
    const domain = { name: 'test', buffers: rig.buffers };
    const job = () => {
      const fence = rig.fences.create(rig.fences.contexts(), 1);
      return { fence, end: () => void rig.fences.signal(fence) };
    };
    return { ...rig, domain, client: new SyncobjClient(domain), job };
  });
}
