// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-contexts — agents that take several locks in different orders, with contexts of both kinds: all get them all.
 */

import {
  forgetsContexts,
  noHeldAnew,
  noMark,
  noRing,
  noWound,
  silentReaper,
} from '../resv-faults.mjs';
import { blockingIn, makeResvWorld, modelOf, partyOf, passByHand } from '../resv-world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {Algorithm} from '../../../dist/resv/index.js' */
/** @import {Party} from '../resv-world.mjs' */
/** @import {World} from '../world.mjs' */

const [A, B, C] = [0, 1, 2];
const world = makeResvWorld({ agents: 7, buffers: 3, waitRows: 1 });
const common = modelOf(world);
const blocking = blockingIn(world);

/** Has that many of its locks before anybody runs. @param {number} first @param {Party} party */
const prepared = (first, party) => (/** @type {World} */ _world, /** @type {Env} */ env) =>
  passByHand(world, env, party, first);

/** @param {string} what @param {readonly (Party | ReturnType<typeof prepared>)[]} parties @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (what, parties, kills, preemptions) => ({
  name: `resv-contexts, ${what}, ${kills} killed`,
  threads: parties.map((party, n) => ({
    name: `agent ${n}`,
    run: typeof party === 'function' ? party : blocking(party),
  })),
  kills,
  bounds: { preemptions },
  ...common,
});

const [die, wound] = /** @type {const} */ (['wait-die', 'wound-wait']);
const plain = partyOf(null, A);

/** @param {Algorithm} one @param {Algorithm} [two] */
const abba = (one, two = one) => [partyOf(one, A, B), partyOf(two, B, A)];
/** @param {Algorithm} kind */
const ring = (kind) => [partyOf(kind, A, B), partyOf(kind, B, C), partyOf(kind, C, A)];

/** @type {Model<World>[]} */
export const models = [
  {
    ...model('ABBA, wait-die', abba(die), 0, 3),
    planted: {
      'the ring is lost': noRing,
      'nobody says that he waits': noMark,
    },
  },
  {
    ...model('ABBA, wound-wait', abba(wound), 0, 3),
    planted: { 'nobody is wounded': noWound },
  },
  model('ABBA, mixed', abba(die, wound), 0, 2),
  model('ring of 3, wait-die', ring(die), 0, 1),
  model('ring of 3, wound-wait', ring(wound), 0, 1),
  model('ABBA and a plain lock, wait-die', [...abba(die), plain], 0, 1),
  model('ABBA and a plain lock, wound-wait', [...abba(wound), plain], 0, 1),
  model('ABBA twice, mixed', [...abba(die, wound), ...abba(wound, die)], 0, 0),
  {
    // The younger has B and waits for A; a plain holder of A leaves it to the older one, which wants B next.
    ...model(
      'the older becomes the holder',
      [prepared(0, partyOf(die, A, B)), prepared(1, partyOf(die, B, A)), prepared(1, plain)],
      0,
      1,
    ),
    planted: { 'a new holder rings nobody': noHeldAnew },
  },
  {
    // The same, but somebody without a context is rung first, so the older one may find the lock free at once.
    ...model(
      'the older one comes between',
      [
        prepared(0, partyOf(die, A, B)),
        prepared(1, partyOf(die, B, A)),
        blocking(plain),
        prepared(1, plain),
      ],
      0,
      1,
    ),
    planted: { 'contexts are forgotten at unlock': forgetsContexts },
  },
  {
    ...model('ABBA, wait-die', abba(die), 1, 1),
    planted: { 'the reaper rings nobody': silentReaper },
  },
  model('ABBA, wound-wait', abba(wound), 1, 1),
  model('ABBA, wait-die', abba(die), 2, 0),
  model('ABBA, wound-wait', abba(wound), 2, 0),
];
