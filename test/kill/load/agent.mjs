// SPDX-License-Identifier: MIT
// @ts-check
/**
 * An agent of the kill test: joins, and does one step after the other at random, until it is told to rest, or to leave, or is killed.
 * What it finds wrong, it says.
 *
 * Told: begin {shares, points}, rest, go {points}, leave. Says: due (at the so-manieth point), resting {descriptors}, found {kind, what}.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { DmaBufError, Domain } from 'dmabuf';
import { descriptors } from '../descriptors.mjs';
import { plant } from '../faults.mjs';
import { hangUp, onSaid, say } from '../wire.mjs';
import { Load } from './load.mjs';
import { STEPS } from './steps.mjs';

/** @import {Kind, Setup, Shares} from './load.mjs' */

/** What may happen to a survivor when others die, or drop their work. */
const TOLERATED = new Set(['EOWNERDEAD', 'EPIPE', 'ECANCELED', 'ESTALE']);
/** What a wait says that has lasted too long; what an allocation says when something was lost. @type {Record<string, Kind>} */
const MEANING = { ETIMEDOUT: 'stuck', ENFILE: 'leak', ENOMEM: 'leak' };
/** Messages are heard every so many steps. */
const DEAF = 4;

/** What we have been told, and not done yet. @type {any[]} */
const told = [];
let wake = () => {};
onSaid((message) => {
  told.push(message);
  wake();
});

async function next() {
  while (told.length === 0) {
    await new Promise((resolve) => {
      wake = () => resolve(undefined);
    });
  }
  return told.shift();
}

/** @param {Kind} kind @param {string} what */
function found(kind, what) {
  say({ word: 'found', kind, what });
}

/** @param {unknown} error @param {string} step */
function judge(error, step) {
  const code = DmaBufError.is(error) ? error.code : '';
  if (TOLERATED.has(code)) return;
  const { stack } = /** @type {Error} */ (error);
  found(MEANING[code] ?? 'corruption', `${domain.agent}: ${step}: ${stack}`);
}

/** What it begins with. One that has to wait for it too long can only be killed. @param {Shares} shares */
function outfit(shares) {
  try {
    return new Load(domain, setup, shares, found);
  } catch (error) {
    judge(error, 'begin');
    say({ word: 'due' });
    return new Promise(() => {});
  }
}

/** @param {Load} load */
async function act(load) {
  const does = load.any(STEPS);
  try {
    await does(load);
  } catch (error) {
    judge(error, does.name);
  }
}

/** Until told otherwise; says when it has come to that point. @param {Load} load @param {number} points */
async function work(load, points) {
  load.begin(points, () => say({ word: 'due' }));
  for (let n = 0; told.length === 0; n++) {
    await act(load);
    load.point();
    fault.afterStep(load);
    if (n % DEAF === 0) await turn();
  }
}

const domain = await Domain.join();
const setup = /** @type {Setup} */ (domain.data);
const fault = plant(setup.fault);
const { shares, points } = await next();
const load = /** @type {Load} */ (await outfit(/** @type {Shares} */ (shares)));
for (let message = { word: 'go', points }; message.word !== 'leave'; message = await next()) {
  if (message.word === 'go') await work(load, message.points);
  else {
    load.settleTickets();
    await domain.idle(load.wait);
    say({ word: 'resting', descriptors: descriptors() });
  }
}
load.close();
await domain.idle(load.wait);
await domain.close();
hangUp();
