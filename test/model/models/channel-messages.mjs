// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/channel-messages — plain messages: none is lost, none comes twice, no buffer goes too early or stays, nobody sleeps
 * while there is something for it; whoever dies, and wherever.
 *
 * Senders and receivers block on a channel of one or two cells. All of them may still wait when nothing more happens: what is asked
 * then is whether one of them waits for something that is there.
 */

import { Reapers } from '../../../dist/agent/reaper.js';
import { CellPhase } from '../../../dist/heap/channel-layout.js';
import { ChannelLink } from '../../../dist/heap/channel-link.js';
import { Line, LineWait } from '../../../dist/heap/line.js';
import { Messages } from '../../../dist/heap/messages.js';
import { NONE, Ring } from '../../../dist/heap/ring.js';
import { attempt, broken, ChannelWorld, reaperOf, together } from '../channel-world.mjs';

/** @import {Model, Outcome, Rewrite, Thread} from '../engine/types.js' */
/** @import {ChannelOptions} from '../../../dist/heap/index.js' */

/** @typedef {NonNullable<Model<ChannelWorld>['planted']>} Planted */

/**
 * @typedef {object} Shape
 * @property {ChannelOptions} [channel]
 * @property {readonly (readonly number[])[]} sends  messages of each sender
 * @property {readonly number[]} receives  messages that each receiver wants
 * @property {number} kills
 * @property {number} preemptions
 * @property {number} [timeouts]  waits of receivers that may time out
 * @property {boolean} [ends]  the first sender ends the channel when it is through
 * @property {boolean} [atomic]  a message is sent in one step, and used in one: what is asked is when it comes. Receivers go first, so
 *   that depth-first search begins with those that wait already, and only the first one gives up
 */

/** @param {ChannelWorld} world @param {string} name @param {readonly number[]} messages @param {{ ends: boolean, atomic: boolean }} how @returns {Thread<ChannelWorld>} */
const sender = (world, name, messages, { ends, atomic }) => ({
  name,
  daemon: true,
  run(_world, env) {
    const { channel, bufs } = world.joinSender(env, messages);
    // A block that no operation goes before would happen before anybody runs.
    if (atomic) void channel.queued;
    for (const buf of bufs) {
      const send = () => attempt(() => channel.sendSync(buf));
      const refused = atomic ? env.atomic(send) : send();
      if (refused === undefined) world.noteSent(buf);
      else if (refused !== 'EPIPE') env.fail(`send: ${refused}`);
      buf.close();
    }
    if (ends) channel.end();
  },
});

/** @param {ChannelWorld} world @param {string} name @param {number} count @param {{ timeout: number | undefined, atomic: boolean }} how @returns {Thread<ChannelWorld>} */
const receiver = (world, name, count, { timeout, atomic }) => ({
  name,
  daemon: true,
  run(_world, env) {
    const { channel } = world.join(env);
    for (let n = 0; n < count; n++) {
      const delivery = attempt(() => channel.receiveSync({ timeout }));
      if (typeof delivery === 'string') return delivery;
      const finish = () => {
        world.use(env, delivery.buf);
        delivery.done();
      };
      if (atomic) env.atomic(finish);
      else finish();
    }
    return 'served';
  },
});

/** @param {ChannelWorld} world @param {Shape} shape @returns {(world: unknown, outcome: Outcome) => string | null} */
const check =
  (world, { channel, sends, receives, ends, atomic }) =>
  (_world, { results, done, dead }) => {
    const [ring] = world.rings;
    if (ring === undefined) return 'there is no channel';
    const queued = world.queued();
    const [firstSender, firstReceiver] = atomic ? [receives.length, 0] : [0, sends.length];
    const receivers = receives.map((_, n) => firstReceiver + n);
    const ended = ends && done[firstSender];
    const waits = (/** @type {number} */ id) => done[id] !== true && dead[id] !== true;
    const hasRoom = ring.hasRoom(1) || (channel?.onFull === 'drop-oldest' && ring.canMakeRoom(1));
    if (sends.some((_, n) => waits(firstSender + n)) && (hasRoom || ended))
      return 'a sender waits for nothing';
    if (receivers.some(waits) && (ring.hasMessages(1) || (ended && ring.drained)))
      return 'a receiver waits for nothing';
    if (world.isBusy) return 'a cell is left behind';
    const mayLose = receivers.some((id) => dead[id]) || channel?.onFull === 'drop-oldest';
    for (const message of sends.flat()) {
      const [got, sent] = [world.count('got', message), world.count('sent', message)];
      const inQueue = queued.filter((row) => row === message).length;
      if (got + inQueue > 1)
        return `message ${message} came ${got} times, and queues ${inQueue} times`;
      if (sent === 1 && got + inQueue === 0 && !mayLose) return `message ${message} was lost`;
      const gone = receivers.every((id) => results[id] === 'EPIPE');
      if (ends && gone && inQueue > 0) return `message ${message} came after the end`;
      if (inQueue > 0 && world.isFree(message))
        return `buffer ${message} is gone while its message queues`;
      const senderWaits = sends.some(
        (messages, n) => messages.includes(message) && waits(firstSender + n),
      );
      if (inQueue === 0 && !senderWaits && !world.isFree(message))
        return `buffer ${message} was never given back`;
      const released = world.count('released', message);
      if (released > 1 && !dead.some(Boolean))
        return `buffer ${message} was given back ${released} times`;
    }
    return null;
  };

/** @param {string} name @param {Shape} shape @param {Planted} [planted] @returns {Model<ChannelWorld>} */
function model(name, shape, planted = {}) {
  const {
    channel = { capacity: 1 },
    sends,
    receives,
    kills,
    preemptions,
    timeouts = 0,
    ends = false,
    atomic = false,
  } = shape;
  const world = new ChannelWorld(channel);
  const senders = sends.map((messages, n) =>
    sender(world, `sender ${n}`, messages, { ends: ends && n === 0, atomic }),
  );
  const receivers = receives.map((count, n) =>
    receiver(world, `receiver ${n}`, count, {
      timeout: timeouts > 0 && (n === 0 || !atomic) ? 50 : undefined,
      atomic,
    }),
  );
  return {
    name: `channel-messages, ${name}`,
    threads: atomic ? [...receivers, ...senders] : [...senders, ...receivers],
    kills,
    bounds: { preemptions, timeouts },
    reset: () => world.reset(),
    onKill: () => reaperOf(world),
    word: (_array, index) => world.world.label(index),
    private: world.isQuiet,
    check: check(world, shape),
    planted,
  };
}

// ------------------------------------------------------------------------------------------- planted faults

/** The key of space is negative, the key of messages is not. @param {Line} line */
const isForRoom = (line) => line.key < 0;

/** @type {Planted} */
const wakeFaults = {
  'who publishes wakes nobody': broken(Line.prototype, 'wake', (wake, line) =>
    isForRoom(line) ? wake() : undefined,
  ),
  'who frees a cell wakes nobody': broken(Line.prototype, 'wake', (wake, line) =>
    isForRoom(line) ? undefined : wake(),
  ),
  'a waiter looks before it stands in the line': together(
    broken(LineWait.prototype, 'arm', (_arm, wait) => wait.ready()),
    broken(LineWait.prototype, 'check', (look, wait) => {
      const seen = look();
      if (wait.stands !== true) wait.line.enter(wait);
      wait.stands = true;
      return seen;
    }),
  ),
};

/** @type {Planted} */
const orderFaults = {
  'a cell is FULL before it is filled': together(
    broken(Messages.prototype, 'write', (write, messages, args) => {
      messages.late = () => write(...args);
      latest = messages;
    }),
    broken(Ring.prototype, 'publish', (publish, _ring, args) => {
      const { late } = latest;
      publish(...args);
      late();
    }),
  ),
  'a cell is claimed in two steps': ({ name, word }) =>
    name === 'compareExchange' && /^cell.*state$/.test(word) ? 'split' : undefined,
  'a cell is free before its buffer is adopted': broken(Ring.prototype, 'take', (take, ring) => {
    const position = take();
    if (position !== NONE) ring.release(position);
    return position;
  }),
};
/** @type {any} between a thread's write and its publish, which is one re-execution */
let latest = null;

/** @param {number} phase @returns {Rewrite} */
const reaperLeaves =
  (phase) =>
  ({ name, word, args }, thread) =>
    thread.name === 'reaper' &&
    name === 'store' &&
    /^cell.*state$/.test(word) &&
    (Number(args[0]) & 7) === phase
      ? 'drop'
      : undefined;

/** @type {Planted} */
const deathFaults = {
  'a reaper leaves what was being written': reaperLeaves(CellPhase.FREE),
  'a reaper leaves what was being read': reaperLeaves(CellPhase.FULL),
  'a reaper rings nobody': broken(Reapers.prototype, 'ringEverybody', () => {}),
};

/** @type {Planted} */
const endFaults = {
  'a sender does not look for the end after its claim': broken(
    ChannelLink.prototype,
    'claim',
    (_claim, link, [op]) => {
      if (link.hasEnded) throw link.endedError(op);
      return link.ring.claim();
    },
  ),
  'the end wakes nobody': broken(Line.prototype, 'ringAll', () => {}),
};

/** @type {Planted} */
const dropFaults = {
  'who publishes what can be dropped wakes no sender': broken(
    ChannelLink.prototype,
    'publish',
    (_publish, link, [position]) => {
      link.ring.publish(position);
      link.receivers.wake();
    },
  ),
};

/** @type {Planted} */
const stayFaults = {
  'who gives up stays in the line': broken(Line.prototype, 'leave', () => {}),
};

/** @type {Planted} */
const leaveFaults = {
  'who gives up lets nobody else look': broken(Line.prototype, 'leave', (leave, line, [wait]) => {
    leave(wait);
    line.wake = () => {};
  }),
};

/** @type {Model<ChannelWorld>[]} */
export const models = [
  model(
    'one cell',
    { sends: [[0], [1]], receives: [1, 1], kills: 0, preemptions: 0 },
    { ...wakeFaults, ...orderFaults },
  ),
  model(
    'one cell, 1 killed',
    { sends: [[0], [1]], receives: [1, 1], kills: 1, preemptions: 0 },
    deathFaults,
  ),
  model('two cells, 2 killed', {
    channel: { capacity: 2 },
    sends: [[0], [1, 2]],
    receives: [2, 1],
    kills: 2,
    preemptions: 0,
  }),
  model('three of two cells', {
    channel: { capacity: 3 },
    sends: [[0, 1, 2, 3]],
    receives: [2, 2],
    kills: 1,
    preemptions: 0,
  }),
  model('one sender', { sends: [[0, 1]], receives: [1, 1], kills: 0, preemptions: 1 }),
  model(
    'the end',
    {
      channel: { capacity: 2 },
      sends: [[0], [1]],
      receives: [2],
      kills: 0,
      preemptions: 1,
      ends: true,
    },
    endFaults,
  ),
  model('the end, 1 killed', {
    channel: { capacity: 2 },
    sends: [[0], [1]],
    receives: [2, 2],
    kills: 1,
    preemptions: 0,
    ends: true,
  }),
  model(
    'the oldest is dropped',
    {
      channel: { capacity: 1, onFull: 'drop-oldest' },
      sends: [[0, 1], [2]],
      receives: [2],
      kills: 1,
      preemptions: 0,
    },
    dropFaults,
  ),
  model(
    'receivers give up',
    { sends: [[0]], receives: [1, 1], kills: 0, preemptions: 0, timeouts: 1 },
    stayFaults,
  ),
  // Rung by who has not seen it go: that takes a preemption after its last look, which the search tries beyond the bound.
  model(
    'receivers give up, and are rung too late',
    { sends: [[0]], receives: [1, 1], kills: 0, preemptions: 0, timeouts: 1, atomic: true },
    leaveFaults,
  ),
];
