// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/submit-two — one buffer to two channels at once: all or nothing, every fence signals, whoever dies, and wherever.
 *
 * Fences and the reservation are stand-ins of a few words: what is asked is who owes a fence when, not how a fence signals.
 */

import { errorNumber } from '../../../dist/errors.js';
import { CellLayout } from '../../../dist/heap/channel-layout.js';
import { ChannelLink } from '../../../dist/heap/channel-link.js';
import { receiving } from '../../../dist/heap/channel-waits.js';
import { NONE, Ring } from '../../../dist/heap/ring.js';
import { submitting } from '../../../dist/heap/submit.js';
import {
  add,
  cas,
  words as field,
  load,
  record,
  section,
  store,
  u32,
} from '../../../dist/mem/index.js';
import { attempt, broken, ChannelWorld, messageOf, reaperOf } from '../channel-world.mjs';

/** @import {Agent} from '../../../dist/agent/index.js' */
/** @import {Fences, Point} from '../../../dist/fence/index.js' */
/** @import {Reservations} from '../../../dist/resv/index.js' */
/** @import {Fault, Model, Outcome, Thread} from '../engine/types.js' */

const FENCES = 8;
const [PENDING, SIGNALED] = [1, 2];
const model = record('owed', {
  state: field(FENCES, '0 free, 1 pending, 2 signalled, error above'),
  owner: field(FENCES, 'who must signal; 0 = nobody yet'),
  named: field(FENCES, 'it is in the reservation'),
  next: u32('fences made'),
  got: field(4, 'deliveries of message m in channel c, at 2 * m + c'),
});
const Owed = section('owed', model, () => 1);
const owed = model.at;

const world = new ChannelWorld({ capacity: 1 }, ['x', 'y'], [Owed]);
const { words } = world;
const base = world.arena.base(Owed);
const party = { closed: false };

/** Fences of one agent, in a few words. */
class FewFences {
  /** @param {Agent} agent */
  constructor(agent) {
    this.agent = agent;
    agent.reapers.register('fences', (_slot, tag) => {
      for (let row = 0; row < FENCES; row++) {
        if (load(words, base + owed.state + row) !== PENDING || this.ownerOf(row) !== tag) continue;
        this.signalPoint(row, 1, errorNumber('EOWNERDEAD'));
      }
      return 0;
    });
  }

  registerNames() {}

  contexts() {
    return 1;
  }

  create() {
    const row = add(words, base + owed.next, 1);
    store(words, base + owed.owner + row, this.agent.tag);
    store(words, base + owed.state + row, PENDING);
    return this.handle(row);
  }

  /** @param {number} row */
  handle(row) {
    return { row, generation: 1, signaled: false, error: null };
  }

  /** @param {Point} fence @param {number} error */
  signal(fence, error) {
    return this.signalPoint(fence.row, 1, error);
  }

  /** @param {number} row @param {number} _generation @param {number} error */
  signalPoint(row, _generation, error = 0) {
    const first = cas(words, base + owed.state + row, PENDING, SIGNALED | (error << 4)) === PENDING;
    if (!first && error === 0) this.onLate();
    return first;
  }

  /** What was done had failed before. */
  onLate() {}

  /** @param {number} row */
  isSignaled(row) {
    return load(words, base + owed.state + row) !== PENDING;
  }

  /** @param {number} row */
  ownerOf(row) {
    return load(words, base + owed.owner + row);
  }

  /** @param {number} row @param {number} _generation @param {number} tag */
  setOwner(row, _generation, tag) {
    store(words, base + owed.owner + row, tag);
  }
}

/** A lock that is always free, and a list of fences. */
const lock = {
  inTheWay: () => [],
  reserve() {},
  /** @param {Point} fence */
  add: (fence) => store(words, base + owed.named + fence.row, 1),
  unlock() {},
};
const resv = {
  // oxlint-disable-next-line require-yield -- it never waits
  *lockOperation() {
    return lock;
  },
};

/** @param {Agent} agent */
const stands = (agent) => ({
  fences: /** @type {Fences} */ (/** @type {unknown} */ (new FewFences(agent))),
  reservations: /** @type {Reservations} */ (
    /** @type {unknown} */ ({ registerNamer() {}, reset() {}, retire() {}, of: () => resv })
  ),
});

/** @param {number} message @returns {Thread<ChannelWorld>} */
const submitter = (message) => ({
  name: `submitter ${message}`,
  daemon: true,
  run(_world, env) {
    const { agent, channels, bufs } = world.joinSender(env, [message], stands);
    const [buf] = bufs;
    if (buf === undefined) return '';
    const to = env.atomic(() => [new ChannelLink(channels, 0), new ChannelLink(channels, 1)]);
    for (const link of to) ofSubmitter.add(link);
    const job = {
      to,
      party,
      buf,
      usage: /** @type {const} */ ('write'),
      tag: 0,
      text: null,
      recover: false,
    };
    const refused = attempt(() => void agent.runSync('submit', submitting(job)));
    buf.close();
    return refused ?? 'sent';
  },
});

/** @param {number} channel @param {number} count @returns {Thread<ChannelWorld>} */
const receiver = (channel, count) => ({
  name: `receiver of ${world.names[channel]}`,
  daemon: true,
  run(_world, env) {
    const { agent, buffers, channels } = world.join(env, stands);
    const fences = /** @type {FewFences} */ (/** @type {unknown} */ (buffers.fences));
    fences.onLate = () => env.fail('what a receiver has done had failed before');
    const link = env.atomic(() => new ChannelLink(channels, channel));
    for (let n = 0; n < count; n++) {
      const delivery = attempt(() =>
        agent.runSync('receive', receiving('receive', link, party, true)),
      );
      if (typeof delivery === 'string') return delivery;
      add(words, base + owed.got + 2 * messageOf(delivery.buf) + channel, 1);
      delivery.done();
    }
    return 'served';
  },
});

/** Links of submitters, for faults of theirs. @type {WeakSet<object>} */
const ofSubmitter = new WeakSet();

/**
 * @param {readonly number[]} messages  sent by the first threads
 * @param {readonly number[]} lanes  channels of the threads that receive
 * @returns {(world: unknown, outcome: Outcome) => string | null}
 */
const check =
  (messages, lanes) =>
  (_world, { results, done, dead }) => {
    const rings = world.rings;
    if (world.isBusy) return 'a cell is left behind';
    const queuedFences = new Set();
    for (const [channel, ring] of rings.entries()) {
      ring.messages((at) => {
        if (!world.isAbandoned(channel)) queuedFences.add(words[at + CellLayout.at.fence]);
      });
    }
    for (let row = 0; row < FENCES; row++) {
      const state = words[base + owed.state + row];
      if (queuedFences.has(row) && state === SIGNALED)
        return `fence ${row} was signalled, and its message queues`;
      if (state === PENDING && !queuedFences.has(row)) return `fence ${row} is pending for ever`;
    }
    const waits = (/** @type {number} */ id) => done[id] !== true && dead[id] !== true;
    const receivers = lanes.map((channel, n) => ({ channel, id: messages.length + n }));
    for (const { channel, id } of receivers) {
      if (waits(id) && rings[channel]?.hasMessages(1)) return 'a receiver waits for nothing';
    }
    if (messages.some(waits) && rings.every((ring, n) => ring.hasRoom(1) || world.isAbandoned(n)))
      return 'a submitter waits for nothing';
    for (const message of messages) {
      for (const channel of [0, 1]) {
        const got = words[base + owed.got + 2 * message + channel] ?? 0;
        const inQueue = world.queued(channel).filter((row) => row === message).length;
        if (got + inQueue > 1)
          return `message ${message} came ${got} times, and queues ${inQueue} times`;
        const sent = results[message] === 'sent' && got + inQueue === 0;
        const mayLose = receivers.some((other) => other.channel === channel && dead[other.id]);
        if (sent && !mayLose) return `message ${message} was lost`;
        if (
          !['sent', undefined].includes(/** @type {any} */ (results[message])) &&
          got + inQueue > 0
        ) {
          return `message ${message} was refused, and came`;
        }
      }
      const named = rings.some((_, channel) => world.queued(channel).includes(message));
      if (named && world.isFree(message))
        return `buffer ${message} is gone while its message queues`;
      if (!named && !waits(message) && !world.isFree(message))
        return `buffer ${message} was never given back`;
    }
    return null;
  };

/** @type {Readonly<Record<string, Fault>>} */
const faults = {
  'a submitter does not look whether the receivers have left': broken(
    ChannelLink.prototype,
    'dropUnowned',
    (drop, link) => (ofSubmitter.has(link) ? undefined : drop()),
  ),
  'a fence is owned by its submitter while its message queues': broken(
    FewFences.prototype,
    'setOwner',
    (set, _fences, [, , tag]) => (tag === 0 ? undefined : set()),
  ),
  'a cell is free before its receiver owes the fence': broken(
    Ring.prototype,
    'take',
    (take, ring) => {
      const position = take();
      if (position !== NONE) ring.release(position);
      return position;
    },
  ),
  'a reaper forgets the fence of a cell that was being written': broken(
    Ring.prototype,
    'recover',
    (recover, _ring, [slot, reading]) => recover(slot, reading, () => {}),
  ),
};

/** @type {Readonly<Record<string, Fault>>} */
const takeOverFaults = {
  'a reaper leaves the fence of what was being read with the dead': broken(
    Ring.prototype,
    'recover',
    (recover, _ring, [slot, , writing]) => recover(slot, () => {}, writing),
  ),
};

/**
 * @param {string} name @param {{ messages: readonly number[], lanes: readonly number[], kills: number, preemptions: number }} shape
 * @param {Readonly<Record<string, Fault>>} [planted] @returns {Model<ChannelWorld>}
 */
const submits = (name, { messages, lanes, kills, preemptions }, planted = {}) => ({
  name: `submit-two, ${name}, ${kills} killed`,
  threads: [
    ...messages.map(submitter),
    ...lanes.map((channel) => receiver(channel, messages.length)),
  ],
  kills,
  bounds: { preemptions },
  reset: () => world.reset(),
  onKill: () => reaperOf(world, stands),
  word: (_array, index) => world.world.label(index),
  private: world.isQuiet,
  check: check(messages, lanes),
  planted,
});

export const models = [
  submits('two submitters', { messages: [0, 1], lanes: [0, 1], kills: 0, preemptions: 0 }),
  submits('two submitters', { messages: [0, 1], lanes: [0, 1], kills: 1, preemptions: 0 }, faults),
  submits(
    'two receivers of one channel',
    { messages: [0], lanes: [0, 0], kills: 1, preemptions: 0 },
    takeOverFaults,
  ),
  submits('two submitters', { messages: [0, 1], lanes: [0, 1], kills: 2, preemptions: 0 }),
];
