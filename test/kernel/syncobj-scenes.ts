// SPDX-License-Identifier: MIT
/** What the kernel's tests of sync objects have in common: a client, and somebody who submits fences and signals them later. */

import { Domain, type Fence } from '../../src/index.js';
import { SyncobjClient } from '../../src/prime.js';
import { HOSTED } from '../threads/support/host.js';
import { turn } from '../unit/fence/rooms.js';

/** What is in an object when a wait begins. */
export type Filling = 'empty' | 'submitted' | 'signaled';
export const FILLINGS = ['empty', 'submitted', 'signaled'] as const;

/** A domain with a client, and who submits. Each submission has a timeline of its own, so they can signal in any order. */
export class Submitter {
  private constructor(
    readonly domain: Domain,
    readonly client: SyncobjClient,
  ) {}

  static async open(): Promise<Submitter> {
    const domain = await Domain.create(HOSTED);
    return new Submitter(domain, new SyncobjClient(domain));
  }

  close(): Promise<void> {
    this.client.close();
    return this.domain.close();
  }

  /** A job: its fence, and its end. */
  job(): { readonly fence: Fence; readonly end: () => void } {
    const timeline = this.domain.timeline('job');
    return { fence: timeline.next(), end: () => timeline.signal(1) };
  }

  /** A submission that fills a binary object. @returns its end */
  submit(handle: number): () => void {
    const { fence, end } = this.job();
    this.client.replaceFence(handle, fence);
    return end;
  }

  /** One that adds a point to a timeline. @returns its end */
  submitPoint(handle: number, point: number): () => void {
    const { fence, end } = this.job();
    this.client.addPoint(handle, point, fence);
    return end;
  }

  /** Objects with these fillings, binary ones; with a point, timelines that have it. */
  filled(fillings: readonly Filling[], point = 0): readonly number[] {
    return fillings.map((filling) => {
      const handle = this.client.create();
      if (filling === 'empty') return handle;
      const end = point === 0 ? this.submit(handle) : this.submitPoint(handle, point);
      if (filling === 'signaled') end();
      return handle;
    });
  }
}

/** All lists of three of these. */
export function* triples<T>(of: readonly T[]): Iterable<readonly T[]> {
  for (const a of of) for (const b of of) for (const c of of) yield [a, b, c];
}

/** All combinations of these flags. */
export function* flagSets<F extends string>(flags: readonly F[]): Iterable<Record<F, boolean>> {
  for (let bits = 0; bits < 1 << flags.length; bits++) {
    const set = flags.map((flag, place) => [flag, (bits & (1 << place)) !== 0]);
    yield Object.fromEntries(set) as Record<F, boolean>;
  }
}

/** What a wait said: an index, or a code. */
export const outcome = (waiting: Promise<number>): Promise<string | number> =>
  waiting.catch((error: { readonly code?: string }) => String(error.code));

/** What the rules say that a wait answers, given what is over. */
export function expected(
  fillings: readonly Filling[],
  flags: { readonly all: boolean; readonly forSubmit: boolean; readonly available?: boolean },
): string | number {
  const { all, forSubmit, available = false } = flags;
  if (!forSubmit && !available && fillings.includes('empty')) return 'EINVAL';
  const over = fillings.map((one) => one === 'signaled' || (available && one === 'submitted'));
  if (all ? over.includes(false) : !over.includes(true)) return 'ETIMEDOUT';
  return over.indexOf(true);
}

/** Whether a promise has settled by now. */
export async function settled(promise: Promise<unknown>): Promise<boolean> {
  for (let turns = 0; turns < 3; turns++) await turn();
  return Promise.race([promise.then(() => true), Promise.resolve().then(() => false)]);
}
