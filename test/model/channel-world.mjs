// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/channel-world — agents with channels, for models of channels and of submissions.
 *
 * Channels and buffers are made before anybody runs, by an agent that lives on and does nothing; a sender takes its buffers over
 * in the block in which it joins. A message is known by its buffer's row. The heap only counts what is given back, and finds
 * out who still used it: whoever has a buffer in hand says so in a word.
 */

import { Agent, anyBit } from '../../dist/agent/index.js';
import { Buffers, Phase, phaseOf } from '../../dist/buf/index.js';
import { BufferLayout, BufferSection } from '../../dist/buf/layout.js';
import { DmaBufError } from '../../dist/errors.js';
import {
  CellLayout,
  CellPhase,
  ChannelFlag,
  ChannelLayout,
  channelSections,
} from '../../dist/heap/channel-layout.js';
import { ChannelTable } from '../../dist/heap/channel-table.js';
import { Channels } from '../../dist/heap/index.js';
import { rowOf } from '../../dist/heap/messages.js';
import { phaseOf as cellPhase } from '../../dist/heap/ring.js';
import { add, words as field, load, record, section, store } from '../../dist/mem/index.js';
import { makeBufWorld, recover } from './buf-world.mjs';
import { platformOf, replaceMethod } from './world.mjs';

/** @import {DmaBuf} from '../../dist/buf/index.js' */
/** @import {Fences} from '../../dist/fence/index.js' */
/** @import {Channel, ChannelOptions} from '../../dist/heap/index.js' */
/** @import {Section} from '../../dist/mem/index.js' */
/** @import {Reservations} from '../../dist/resv/index.js' */
/** @import {Env, Fault, Thread} from './engine/types.js' */

/** Messages of a model, at most. */
export const MESSAGES = 4;
const THREADS = 12;
/** What the rows of buffers are born with. */
const ABOUT = { exporter: 0, exporterName: 'model', dynamic: false };
const GENERATION = 1;

const book = record('book', {
  sent: field(MESSAGES, 'its sender was told that it is in the queue'),
  got: field(MESSAGES, 'receivers that were given it'),
  using: field(THREADS, 'buffer row + 1 that this thread has in hand; 0 = none'),
  released: field(MESSAGES, 'how often its memory was given back'),
});
const Book = section('book', book, () => 1);

/** Words that never change once the channels are made, or that are no part of what is asked. */
const QUIET =
  /^header|\.(idHigh|idLow|size|flags|exporterName|names|nameVersion|resv|moveGen|queues|pool|pid|kind|member|start|watched|lost)|\.(agents|attached)\+[3-7]|^channelControl|^channel\[\d+\]\.(capacity|policy|metaBytes|first|lines|state|name|pad|dropped)|\.(openers|senders|receivers)\+[1-7]|^cell\[\d+\]\.(tag|pad)/;

/** Rooms that are not what the models are about. */
const noFences = /** @type {Fences} */ (
  /** @type {unknown} */ ({ registerNames() {}, isSignaled: () => true })
);
const noReservations = /** @type {Reservations} */ (
  /** @type {unknown} */ ({ registerNamer() {}, reset() {}, retire() {}, of: () => ({}) })
);

/** What the fences and reservations of a model are, for one agent. */
/** @typedef {{ fences: Fences, reservations: Reservations }} Stands */

/** @returns {Stands} */
const nothing = () => ({ fences: noFences, reservations: noReservations });

export class ChannelWorld {
  /**
   * @param {ChannelOptions} options  of every channel
   * @param {readonly string[]} [names]
   * @param {readonly Section[]} [sections]
   */
  constructor(options, names = ['x'], sections = []) {
    this.names = names;
    this.world = makeBufWorld([...channelSections, Book, ...sections], {
      agents: THREADS,
      buffers: MESSAGES,
      channels: this.names.length,
      waitRows: 4,
    });
    this.arena = this.world.arena;
    this.words = this.arena.words;
    this.book = this.arena.base(Book);
    this.maker = this.#prepare(options);
    this.begun = this.words.slice();
    this.table = new ChannelTable(this.maker);
    /** To look at. */
    this.rings = this.names.map((_, row) => this.table.ring(row));
    /** @type {(boolean | undefined)[]} */
    const known = [];
    /** @param {unknown} _array @param {number} index */
    this.isQuiet = (_array, index) => (known[index] ??= QUIET.test(this.world.label(index)));
  }

  /** @param {ChannelOptions} options @returns {Agent} */
  #prepare(options) {
    const env = /** @type {Env} */ (/** @type {unknown} */ ({ isDead: () => false, now: () => 0 }));
    const kind = /** @type {const} */ ('thread');
    const identity = {
      thread: 999,
      startTime: 0,
      pid: 1,
      station: 0,
      kind,
      member: 0,
      name: 'maker',
    };
    const agent = new Agent(this.arena, platformOf(env), identity);
    const { buffers, channels } = this.#rooms(agent, env, nothing());
    for (const name of this.names) channels.open(name, options);
    for (let n = 0; n < MESSAGES; n++)
      buffers.handle(buffers.publish(buffers.begin('model', { size: 1 }, ABOUT)));
    return agent;
  }

  reset() {
    this.words.set(this.begun);
    return this;
  }

  /** @param {Agent} agent @param {Env} env @param {Stands} stands */
  #rooms(agent, env, { fences, reservations }) {
    const buffers = new Buffers(agent, fences, reservations);
    buffers.registerHeap({
      name: 'model',
      bytes: () => new Uint8Array(0),
      release: (row) => this.#release(env, row),
    });
    return { agent, buffers, channels: new Channels(agent, buffers, reservations, fences) };
  }

  /** Nobody who lives may have it in hand. @param {Env} env @param {number} row */
  #release(env, row) {
    for (let id = 0; id < THREADS; id++) {
      const using = load(this.words, this.book + book.at.using + id);
      if (using === row + 1 && !env.isDead(id))
        env.fail(`buffer ${row} was given back under thread ${id}`);
    }
    add(this.words, this.book + book.at.released + row, 1);
  }

  /** The calling thread's rooms, and its channels. @param {Env} env @param {(agent: Agent) => Stands} [stands] */
  join(env, stands = nothing) {
    return env.atomic(() => {
      const agent = this.world.join(env);
      const rooms = this.#rooms(agent, env, stands(agent));
      const open = this.names.map((name) => rooms.channels.open(name));
      return { ...rooms, open, channel: /** @type {Channel} */ (open[0]) };
    });
  }

  /** The same, with the buffers of the messages that it will send. @param {Env} env @param {readonly number[]} messages @param {(agent: Agent) => Stands} [stands] */
  joinSender(env, messages, stands = nothing) {
    return env.atomic(() => {
      const rooms = this.join(env, stands);
      const bufs = messages.map((message) => {
        const buf = rooms.buffers.adopt(message, GENERATION);
        rooms.buffers.life.leaveFor(this.maker.slot, message);
        return buf ?? env.fail('the buffer should be there');
      });
      return { ...rooms, bufs };
    });
  }

  /** @param {DmaBuf} buf */
  noteSent(buf) {
    store(this.words, this.book + book.at.sent + messageOf(buf), 1);
  }

  /** Was given this one, looks at it. @param {Env} env @param {DmaBuf} buf */
  use(env, buf) {
    const using = this.book + book.at.using + env.id;
    store(this.words, using, messageOf(buf) + 1);
    add(this.words, this.book + book.at.got + messageOf(buf), 1);
    store(this.words, using, 0);
  }

  /** Buffers of the messages in a channel, being received ones too. @param {number} [channel] @returns {number[]} */
  queued(channel = 0) {
    /** @type {number[]} */
    const rows = [];
    this.rings[channel]?.messages((at) =>
      rows.push(rowOf(this.words[at + CellLayout.at.buffer] ?? 0)),
    );
    return rows;
  }

  /** Is anybody said to be at work in a cell? */
  get isBusy() {
    return this.rings.some((ring) => {
      for (let position = 0; position < ring.size; position++) {
        const phase = cellPhase(this.words[ring.cell(position)] ?? 0);
        if (phase === CellPhase.WRITING || phase === CellPhase.READING) return true;
      }
      return false;
    });
  }

  /** Has it had receivers, and has none? @param {number} channel */
  isAbandoned(channel) {
    const at = this.table.at(channel);
    const had = (this.words[at + ChannelLayout.at.queue] ?? 0) & ChannelFlag.HAD_RECEIVER;
    return had !== 0 && !anyBit(this.words, at + ChannelLayout.at.receivers);
  }

  /** @param {'sent' | 'got' | 'released'} what @param {number} message */
  count(what, message) {
    return this.words[this.book + book.at[what] + message] ?? 0;
  }

  /** @param {number} message */
  isFree(message) {
    const at = this.arena.base(BufferSection) + message * BufferSection.layout.size;
    return phaseOf(this.words[at + BufferLayout.at.life] ?? 0) === Phase.FREE;
  }
}

/** The row of a buffer: the number of the message that carries it. @param {DmaBuf} buf @returns {number} */
export const messageOf = (buf) => Reflect.get(buf, 'row');

/** @template T @param {() => T} call @returns {T | string} the code that it failed with */
export function attempt(call) {
  try {
    return call();
  } catch (error) {
    if (DmaBufError.is(error)) return error.code;
    throw error;
  }
}

/** @param {ChannelWorld} world @param {(agent: Agent) => Stands} [stands] @returns {Thread<ChannelWorld>} */
export function reaperOf(world, stands = nothing) {
  return { name: 'reaper', run: (_world, env) => recover(world.join(env, stands).agent) };
}

/**
 * Replaces a method by one that is given the old one.
 * @param {object} target @param {string} key @param {(before: (...args: any[]) => any, self: any, args: any[]) => unknown} call
 * @returns {Fault}
 */
export const broken = (target, key, call) => ({
  patch: () => {
    const before = Reflect.get(target, key);
    return replaceMethod(target, key, function wrapped(/** @type {any[]} */ ...args) {
      // @ts-expect-error -- whose method it is
      return call((...given) => Reflect.apply(before, this, given), this, args);
    });
  },
});

/** @param {...Fault} faults @returns {Fault} */
export const together = (...faults) => ({
  patch: () => {
    const mends = faults.map(({ patch }) => patch?.());
    return () => {
      for (const mend of mends) mend?.();
    };
  },
});
