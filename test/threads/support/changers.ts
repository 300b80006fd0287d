// SPDX-License-Identifier: MIT
/** Threads that count in plain shared memory, under locks: what they lose or tear, the counts show. */
import type { DmaBuf, Domain } from 'dmabuf';
import { Actor, type SceneData } from './actor.js';
import { HOST } from './host.js';

let seed = 1;

export function makeBuffers(domain: Domain, count: number): DmaBuf[] {
  return Array.from({ length: count }, (_, n) => domain.alloc(4096, { name: `counter ${n}` }));
}

export function closeAll(buffers: readonly DmaBuf[]): void {
  for (const buf of buffers) buf.close();
}

/** Runs `threads` agents that change the buffers; all begin together. */
export async function changers(
  domain: Domain,
  buffers: readonly DmaBuf[],
  threads: number,
  data: SceneData,
  as = HOST,
): Promise<void> {
  const start = async (): Promise<Actor> => {
    const shares = buffers.map((buf) => buf.share());
    const more = { ...data, buffers: shares, seed: seed++ };
    return Actor.start(domain, 'locks.mjs', 'change', more, as);
  };
  const actors = await Promise.all(Array.from({ length: threads }, start));
  for (const actor of actors) await actor.hear('ready');
  for (const actor of actors) actor.tell('begin');
  await Promise.all(actors.map((actor) => actor.finished()));
}

/** How often each was changed, as its first word tells. */
export async function counts(buffers: readonly DmaBuf[]): Promise<number[]> {
  const found: number[] = [];
  for (const buf of buffers) {
    using cpu = await buf.cpuAccess('read');
    found.push(cpu.as(Int32Array)[0] ?? -1);
  }
  return found;
}
