// SPDX-License-Identifier: MIT
/** Threads that have something, and die of it in every way. */
import type { DmaBuf, Domain } from 'dmabuf';
import { expect, test } from 'vitest';
import { Actor, KILL, type SceneData, WAYS, type Way } from './actor.js';
import { THOROUGH } from './host.js';
import { withDomain } from './with-domain.js';

/** How waits end that waited for the dead. */
export const DEAD = { code: 'EOWNERDEAD' };

/** Ends a blocking call that would hang the whole run, and decides nothing. */
export const NET = { timeout: 15_000 };

/** Starts a thread that has `what`. */
export async function holder(
  domain: Domain,
  what: string,
  buffers: readonly DmaBuf[] = [],
  more: SceneData = {},
): Promise<Actor> {
  const shares = buffers.map((buf) => buf.share());
  const actor = await Actor.start(domain, 'death.mjs', 'holder', {
    ...more,
    what,
    buffers: shares,
  });
  await actor.hear('ready');
  return actor;
}

/** A lock that nobody told about the death of its holder. */
export async function lockIsSound(buf: DmaBuf): Promise<void> {
  using lock = await buf.resv.lock();
  expect(lock.ownerDied).toBe(false);
}

/** One test per way to die, or one. */
export function dying(title: string, check: (domain: Domain, way: Way) => Promise<void>): void {
  for (const way of THOROUGH ? WAYS : [KILL])
    test(`${title} (${way})`, () => withDomain({}, (domain) => check(domain, way)));
}
