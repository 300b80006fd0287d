// SPDX-License-Identifier: MIT
/** Waiting for what other threads do, without a clock: look once per turn of the event loop. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Domain } from 'dmabuf';

/** More turns than a pending wait is polled for before it is parked. */
const TURNS = 50;

/** Until `holds`. The test's own time-out is the safety net. */
export async function turnsUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** Until every pending wait of this thread is parked: from then on only a ring, its time-out or an abort ends it. */
export async function parked(): Promise<void> {
  for (let n = 0; n < TURNS; n++) await turn();
}

/** Until that member is seen blocked: from then on only a ring, its time-out or its death ends the wait. */
export async function untilBlocked(domain: Domain, member: string): Promise<void> {
  await turnsUntil(() =>
    domain
      .snapshot()
      .members.some(({ name, waitingFor }) => name === member && waitingFor !== null),
  );
}
