// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { Polling } from '../../../src/agent/poll.js';

/** A platform whose clock moves only when the core is given away: each time by the next of `away` milliseconds. */
function newPlatform(away: number[]) {
  const seen = { clock: 0, reads: 0, yields: 0 };
  const platform = {
    now(): number {
      seen.reads++;
      return seen.clock;
    },
    giveWay(): void {
      seen.clock += away[seen.yields++] ?? 0;
    },
  };
  return { seen, platform };
}

/** Over at that look; 0 = never. */
function newWait(overAt: number) {
  const wait = { looks: 0, ready: () => ++wait.looks === overAt };
  return wait;
}

describe('polling before a sleep', () => {
  it('what is over at the first look costs neither the clock nor the core', () => {
    const { seen, platform } = newPlatform([0.25]);
    const polling = new Polling(platform);
    polling.spin(newWait(0));
    const before = { ...seen };
    expect(polling.spin(newWait(1))).toBe(true);
    expect(polling.spent).toBe(0);
    expect(seen).toEqual(before);
  });

  it('says how long the core was away when the wait was over afterwards', () => {
    const { seen, platform } = newPlatform([0.25]);
    const polling = new Polling(platform);
    const { looks } = polling;
    expect(polling.spin(newWait(looks + 1))).toBe(true);
    expect(polling.spent).toBe(0.25);
    expect(seen.yields).toBe(1);
  });

  it('says how long it looked in vain', () => {
    const { seen, platform } = newPlatform([0.25, 0.5, 1]);
    const polling = new Polling(platform);
    expect(polling.spin(newWait(0))).toBe(false);
    expect(polling.spent).toBe(1.75);
    expect(seen.yields).toBe(polling.yields + 1);
  });

  it('looks once and gives way when somebody else wants this core, until nobody does', () => {
    const { platform } = newPlatform([0.5, 0, 0]);
    const polling = new Polling(platform);
    const { looks } = polling;
    polling.spin(newWait(looks + 1));
    expect(polling.looks).toBe(1);
    polling.spin(newWait(2));
    expect(polling.looks).toBe(looks);
  });

  it('without a way to give the core away, looks and no more', () => {
    const polling = new Polling({ now: () => 0, giveWay: null });
    const wait = newWait(0);
    const { looks } = polling;
    expect(polling.spin(wait)).toBe(false);
    expect(wait.looks).toBe(looks);
  });
});
