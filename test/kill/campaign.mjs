// SPDX-License-Identifier: MIT
// @ts-check
/**
 * A crew works in one domain, and is killed, one after the other, wherever it is; whoever is killed has a successor at once. One member
 * is spared, and so is the domain's creator: what the dead leave behind would gather in them. Every few kills all that live rest,
 * and are looked at.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { DmaBufError, Domain, KiB } from 'dmabuf';
import { choices } from '../threads/workers/choices.mjs';
import { Crewmate } from './crewmate.mjs';
import { descriptors, grown } from './descriptors.mjs';
import { LIMITED } from './domain-options.mjs';
import { plant } from './faults.mjs';
import { Founder } from './founder.mjs';
import { inspect, inspectRecords } from './inspection.mjs';
import { CAMERA, CHANNELS, POOL } from './load/load.mjs';
import { fill, RECORD, repair } from './load/pattern.mjs';

/** @import {DmaBuf, ExportedBuf} from 'dmabuf' */
/** @import {Tally} from './tally.mjs' */
/**
 * @typedef {object} Orders
 * @property {number} kills
 * @property {number} seed
 * @property {'thread' | 'process'} as
 * @property {number} patience  milliseconds that a wait may take
 * @property {string | undefined} fault
 * @property {boolean} founder  somebody else makes the domain, and dies
 */

/** Who is killed. */
const MORTALS = 4;
/** Kills between two inspections. */
const ROUND = 25;
const RECORDS = 4;
/** A member is killed at such a point of its work at most, and so many turns of our event loop later, or milliseconds. */
const POINTS = 100;
const TURNS = 20;
const DELAY = 5;
/** One in so many dies while it joins, within so many milliseconds; and one while it leaves. */
const JOINING = 8;
const JOIN_DELAY = 120;
const LEAVING = 8;
/** The point that nobody comes to. */
const NEVER = -1;

class Campaign {
  #serial = 0;
  /** Kills of this round that nobody has begun. */
  #left = 0;
  /** @type {(Crewmate | null)[]} */
  #mortals = Array.from({ length: MORTALS }, () => null);
  /** @type {Crewmate | null} */
  #elder = null;
  /** What the spared had open at their first rest. @type {Map<string, Record<string, number>>} */
  #before = new Map();
  /** Bytes of the heap while nobody works. */
  #used = 0;

  /** @param {Domain} domain @param {Orders} orders @param {Tally} tally @param {Founder | null} founder */
  constructor(domain, orders, tally, founder) {
    this.domain = domain;
    this.founder = founder;
    this.orders = orders;
    this.tally = tally;
    this.choose = choices(orders.seed);
    /** @type {DmaBuf[]} */
    this.records = Array.from({ length: RECORDS }, (_, n) => record(domain, `record ${n}`));
    this.camera = camera(domain);
    this.pool = domain.pool(POOL);
    this.channels = Object.entries(CHANNELS).map(([name, options]) =>
      domain.channel(name, options),
    );
    this.#used = usedBy(domain);
    domain.on('member-lost', ({ locks, fences, buffers }) => {
      if (locks > 0) tally.lost.locks++;
      if (fences > 0) tally.lost.fences++;
      if (buffers > 0) tally.lost.buffers++;
    });
  }

  async run() {
    try {
      await this.#work();
    } catch (error) {
      // The domain is closed next, and ends them all.
      for (const mate of this.#living) mate.mayEnd();
      throw error;
    }
  }

  async #work() {
    this.#elder = await this.#start('elder');
    this.#begin(this.#elder, NEVER);
    // Whatever is opened at the first death and stays open is no leak.
    await Promise.all([this.#round(Math.min(MORTALS, this.orders.kills)), this.founder?.kill()]);
    await this.#rest();
    while (this.tally.kills < this.orders.kills && !this.tally.hasEnough) {
      for (const mate of this.#living) mate.go(this.choose(POINTS));
      await this.#round(Math.min(ROUND, this.orders.kills - this.tally.kills));
      await this.#rest();
    }
    await this.#dismiss();
  }

  get #living() {
    return [this.#elder, ...this.#mortals].filter((mate) => mate !== null);
  }

  /** So many kills, by as many hands as there are mortals. @param {number} kills */
  async #round(kills) {
    this.#left = kills;
    await Promise.all(
      this.#mortals.map(async (_, berth) => {
        while (this.#left-- > 0 && !this.tally.hasEnough) await this.#killOne(berth);
        this.#mortals[berth] ??= await this.#hire();
      }),
    );
  }

  /** @param {number} berth */
  async #killOne(berth) {
    const mate = this.#mortals[berth] ?? null;
    if (mate === null && this.choose(JOINING) === 0) return this.#killJoining();
    const victim = mate ?? (await this.#hire());
    await victim.due();
    if (this.choose(LEAVING) === 0) victim.leave();
    if (this.choose(2) === 0) await sleep(this.choose(DELAY));
    for (let turns = this.choose(TURNS); turns > 0; turns--) await turn();
    this.tally.killed(await victim.kill());
    this.#mortals[berth] = null;
  }

  async #hire() {
    const mate = await this.#start(`mortal ${++this.#serial}`);
    this.#begin(mate, this.choose(POINTS));
    return mate;
  }

  /** It may be quick, and have joined: then it dies before it knows what to do. */
  async #killJoining() {
    const name = `joiner ${++this.#serial}`;
    const started = this.#start(name).catch((/** @type {unknown} */ error) => error);
    const member = this.domain.members.find((each) => each.name === name);
    await sleep(this.choose(JOIN_DELAY));
    const began = performance.now();
    await member?.kill();
    this.tally.killed((performance.now() - began) / 1000);
    this.tally.joining++;
    const outcome = await started;
    if (!(outcome instanceof Crewmate) && !DmaBufError.is(outcome, 'EIO')) throw outcome;
  }

  /** @param {string} name */
  #start(name) {
    const { as, patience, fault } = this.orders;
    const seed = 1 + this.choose(2 ** 31 - 2);
    const setup = { seed, patience, depth: 0, ...(fault === undefined ? {} : { fault }) };
    return Crewmate.start(this.domain, { as, name, setup, found: this.tally.found });
  }

  /** @param {Crewmate} mate @param {number} points */
  #begin(mate, points) {
    mate.begin({ records: this.records, camera: this.camera }, points);
  }

  /** All that live finish their step, and are looked at. */
  async #rest() {
    const { domain, tally, records, pool, orders } = this;
    const mates = this.#living;
    const open = await Promise.all(mates.map((mate) => mate.rest()));
    this.#drain();
    const members = [domain.agent, ...mates.map(({ member }) => member.name)];
    const buffers = [...records, this.camera, this.camera.priv];
    const expected = { members, used: this.#used, pool, buffers };
    await inspect(domain, expected, orders.patience, tally.found);
    await inspectRecords(records, orders.patience, tally.found);
    // Who becomes the broker, and when, nobody can say: it has more open from then on.
    if (!orders.founder) this.#compare(domain.agent, descriptors());
    // Threads have ours.
    if (!orders.founder && orders.as === 'process')
      for (const [n, mate] of mates.entries()) this.#compare(mate.member.name, open[n] ?? {});
    tally.looked();
  }

  /** Nobody has more open than at his first rest. @param {string} who @param {Record<string, number>} now */
  #compare(who, now) {
    const before = this.#before.get(who);
    if (before === undefined) this.#before.set(who, now);
    else reportGrown(who, before, now, this.tally);
  }

  /** What is queued belongs to nobody who rests. */
  #drain() {
    for (const channel of this.channels) {
      while (channel.queued > 0) channel.tryReceive()?.done();
    }
  }

  /** The survivors leave in order, then nothing is left. */
  async #dismiss() {
    const { domain, tally, orders } = this;
    const mates = this.#living;
    for (const mate of mates) mate.leave();
    await Promise.all(mates.map((mate) => mate.left()));
    this.#drain();
    for (const handle of [...this.records, this.camera, this.pool, ...this.channels])
      handle.close();
    const expected = { members: [domain.agent], used: 0, buffers: [] };
    await inspect(domain, expected, orders.patience, tally.found);
  }
}

/** @param {Orders} orders @param {Tally} tally */
export async function campaign(orders, tally) {
  plant(orders.fault);
  // Where a domain of processes has its socket.
  const place = mkdtempSync(join(tmpdir(), 'kill-test-'));
  process.env['XDG_RUNTIME_DIR'] = place;
  try {
    await rehearse(orders);
    const before = descriptors();
    await (orders.founder
      ? inFoundDomain(join(place, 'domain'), orders, tally)
      : inOwnDomain(orders, tally));
    reportGrown('afterwards, we', before, descriptors(), tally);
    for (const name of readdirSync(place))
      tally.found('descriptor', `${name} is left of the domain`);
  } catch (error) {
    // Who never comes in waits for something; without it there is nothing to go on with.
    if (!DmaBufError.is(error, 'ETIMEDOUT') || error.op !== 'Domain.spawn') throw error;
    tally.found('stuck', error.message);
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** @param {Orders} orders @param {Tally} tally */
async function inOwnDomain(orders, tally) {
  const domain = await makeDomain(orders);
  try {
    await new Campaign(domain, orders, tally, null).run();
  } finally {
    await domain.close();
  }
}

/** @param {string} path @param {Orders} orders @param {Tally} tally */
async function inFoundDomain(path, orders, tally) {
  const founder = await Founder.start(path);
  try {
    const domain = await Domain.join(path);
    try {
      await new Campaign(domain, orders, tally, founder).run();
    } finally {
      await domain.close();
    }
  } finally {
    await founder.kill();
  }
}

/** What this process opens once, and keeps, is open from then on. @param {Orders} orders */
async function rehearse({ as }) {
  const domain = await makeDomain({ as });
  const script = new URL('load/agent.mjs', import.meta.url);
  const member = await domain.spawn(script, { as, data: { seed: 1, patience: 1000, depth: 0 } });
  await member.kill();
  await domain.close();
}

/** @param {Pick<Orders, 'as'>} orders */
function makeDomain({ as }) {
  return Domain.create({ ...LIMITED, processes: as === 'process' });
}

/** @param {string} who @param {Record<string, number>} before @param {Record<string, number>} now @param {Tally} tally */
function reportGrown(who, before, now, tally) {
  for (const { kind, more } of grown(before, now))
    tally.found('descriptor', `${who} has ${more} more open: ${kind}`, more);
}

/** @param {Domain} domain */
function usedBy(domain) {
  return domain.snapshot().heaps.find(({ name }) => name === 'system')?.used ?? 0;
}

/** @param {Domain} domain @param {string} name */
function record(domain, name) {
  const buf = domain.alloc(4 * KiB, { name });
  const cpu = buf.cpuAccessSync('write');
  repair(cpu.as(Int32Array, RECORD));
  cpu.end();
  return buf;
}

/** A buffer whose exporter is here: who maps it elsewhere calls us. @param {Domain} domain @returns {ExportedBuf<DmaBuf>} */
function camera(domain) {
  const size = CAMERA.bytes;
  const home = domain.alloc(size, { name: 'film' });
  const cpu = home.cpuAccessSync('write');
  fill(cpu.as(Int32Array), CAMERA.tag);
  cpu.end();
  const ops = {
    map: () => [{ of: home, offset: 0, length: size }],
    unmap: () => undefined,
    release: () => home.close(),
  };
  return domain.export({ exporter: 'camera', name: 'camera', size, priv: home, ops });
}
