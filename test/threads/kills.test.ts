// SPDX-License-Identifier: MIT
/** Real threads are terminated at random points of everything they can do; afterwards everything is accounted for. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Domain, type DomainEventMap, type Pool } from 'dmabuf';
import { expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { choices, seedOfRun } from './support/random.js';
import { withDomain } from './support/with-domain.js';

const KILLS = 200;
/** Of which at least so many hold a lock, and owe a fence; about 17 and 7 do. */
const HOLDERS = 5;
const DEBTORS = 2;
/** A run that has met too few goes on, up to here: then it proves nothing, and fails. */
const MOST = 2 * KILLS;
/** Threads that live at once: more than processors, so that some die while they are not running. */
const CREW = 3;
/** A thread is killed after so many steps at most. */
const STEPS = 60;
const SHARED = 4;

class Crew {
  readonly frames: Pool;
  readonly #buffers;

  constructor(
    readonly domain: Domain,
    readonly choose: (below: number) => number,
  ) {
    this.frames = domain.pool({ name: 'frames', count: 4, size: 4096 });
    this.#buffers = Array.from({ length: SHARED }, (_, n) => domain.alloc(4096, { name: `${n}` }));
  }

  /** Starts one, and kills it after a random number of steps and turns, at whatever it does then. */
  async life(): Promise<void> {
    const data = {
      seed: 1 + this.choose(2 ** 31 - 1),
      steps: this.choose(STEPS),
      buffers: this.#buffers.map((buf) => buf.share()),
    };
    const actor = await Actor.start(this.domain, 'load.mjs', 'load', data);
    await actor.hear('due');
    for (let turns = this.choose(20); turns > 0; turns--) await turn();
    await actor.member.kill();
    if (actor.error !== undefined) throw new Error(`${actor.name} failed`, { cause: actor.error });
  }

  /** Everything that the dead had under way is whole: no lock is taken, no fence pends, both halves agree or D says so. */
  async inspect(): Promise<void> {
    for (const buf of this.#buffers) {
      using cpu = await buf.cpuAccess('write');
      using lock = await buf.resv.lock({ recover: true });
      const [one, two] = cpu.as(Int32Array, { length: 8 });
      if (!lock.ownerDied) expect(one).toBe(two);
      expect(lock.fences('bookkeep').filter(({ signaled }) => !signaled)).toEqual([]);
    }
  }

  leave(): void {
    for (const buf of this.#buffers) buf.close();
    using lane = this.domain.channel('lane', { capacity: 4 });
    while (lane.queued > 0) lane.tryReceive()?.done();
    expect(this.frames.free).toBe(this.frames.count);
    this.frames.close();
  }
}

test(`${KILLS} random kills under load leave nothing behind`, { timeout: 180_000 }, async () => {
  const seed = seedOfRun();
  console.log(`kills: DMABUF_SEED=${seed}`);
  await withDomain({}, async (domain) => {
    const lost: DomainEventMap['member-lost'][] = [];
    domain.on('member-lost', (event) => lost.push(event));
    const crew = new Crew(domain, choices(seed));
    const holders = (): number => lost.filter(({ locks }) => locks > 0).length;
    const debtors = (): number => lost.filter(({ fences }) => fences > 0).length;
    let hired = 0;
    const isEnough = (): boolean => holders() >= HOLDERS && debtors() >= DEBTORS;
    const shift = async (): Promise<void> => {
      while (hired < KILLS || (hired < MOST && !isEnough())) {
        hired++;
        await crew.life();
      }
    };
    await Promise.all(Array.from({ length: CREW }, shift));
    await crew.inspect();
    crew.leave();
    expect(lost).toHaveLength(hired);
    console.log(`kills: of ${hired}, ${holders()} held a lock, ${debtors()} owed a fence`);
    expect(holders()).toBeGreaterThanOrEqual(HOLDERS);
    expect(debtors()).toBeGreaterThanOrEqual(DEBTORS);
  });
});
