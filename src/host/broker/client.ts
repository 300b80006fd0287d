// SPDX-License-Identifier: MIT
/**
 * broker/client — a member's connection to the broker: joining through it, what it tells from then on, and memory of single buffers.
 *
 * What the broker sends is believed no more than what a member sends: a message that is wrong, memory that is not sealed, a bell that
 * could block ends the connection, and all that came is closed.
 *
 *    connect() ── WELCOME and all that it counts ──▶ joined ── serve() ──▶ told of others ──▶ ended
 */

import { DmaBufError, type ErrorCode, fail, whyOf } from '../../errors.js';
import { checkEvent } from '../linux/event-descriptor.js';
import { PacketSocket } from '../linux/packet-socket.js';
import { Arrival, JOIN, refusal, type Welcome } from './arrival.js';
import { type After, Connection } from './connection.js';
import { damaged } from './fields.js';
import { identityOf } from './identity.js';
import { type Ending, type Limits, limited } from './limited.js';
import type { Bell } from './members.js';
import type { MemoryFile } from './memory-files.js';
import type { MemoryKey, Message, Station } from './messages.js';
import type { Parcel } from './parcel.js';
import { Requests } from './requests.js';

/** Milliseconds until the next try, when too many want to connect. */
const AGAIN = 10;

/** Who joins. */
export interface Joiner {
  /** An event descriptor of ours, which wakes this process. Stays ours. */
  readonly bell: number;
  /** Id of the user whose domain it is to be; absent: whoever's lives there. */
  readonly owner?: number | undefined;
  /** Who is a member already, and had another broker: its station, and a descriptor of its arena. */
  readonly again?: { readonly station: Station; readonly arena: number } | undefined;
}

/** What a member is told. */
export interface ClientHandlers {
  /** A station that can be rung from now on; maybe one that could be before. The descriptor is the handler's. */
  onJoined(bell: Bell): void;
  onLeft(station: Station): void;
  /** There is no broker any more, or it cut us off: then it says why. Once, and not after close(). */
  onClosed(why: DmaBufError | null): void;
}

export interface Joined {
  readonly client: BrokerClient;
  readonly welcome: Welcome;
}

/** Does not keep the process alive. */
const after: After = (ms, fn) => {
  const timer = setTimeout(fn, ms).unref();
  return { cancel: () => clearTimeout(timer) };
};

export class BrokerClient {
  readonly #connection: Connection;
  readonly #requests = new Requests();

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Joins the domain whose broker listens at `path`. What others do from then on is told when serve() is called.
   * @throws ENOENT nobody listens there, or not any more · EACCES refused · ENFILE the domain is full · EPROTO no dmabuf domain ·
   *   EPROTONOSUPPORT one of another version · ETIMEDOUT · ENAMETOOLONG
   */
  static connect(path: string, who: Joiner, limits: Limits = {}): Promise<Joined> {
    return limited(JOIN, limits, (ending) => new Attempt(path, who, ending).begin());
  }

  /** @internal */
  static over(connection: Connection): BrokerClient {
    return new BrokerClient(connection);
  }

  /** Hears what the broker has to say, from what it said first. */
  serve(handlers: ClientHandlers): void {
    this.#connection.handOver({
      message: (message, parcel) => this.#take(handlers, message, parcel),
      ended: (why) => {
        this.close();
        handlers.onClosed(why);
      },
    });
    this.#connection.read({ ref: false });
  }

  #take(handlers: ClientHandlers, message: Message, parcel: Parcel): void {
    const { type } = message;
    if (type === 'REFUSED') throw refusal(message);
    if (type === 'LEFT') handlers.onLeft(message.station);
    else if (type === 'JOINED') {
      for (const station of message.list) {
        checkEvent(JOIN, parcel.next);
        handlers.onJoined({ station, descriptor: parcel.take() });
      }
    } else if (type === 'DONE' || type === 'MEMORY' || type === 'FAILED')
      this.#requests.answered(message, parcel);
    else throw damaged(`${type} is nothing that a broker says`);
  }

  /**
   * Lets all members open the memory of that buffer, until it is withdrawn. The descriptor stays ours. Who sends the buffer on need not
   * wait for this.
   * @throws EEXIST there is memory for this buffer · ENFILE the broker holds too much · EPIPE there is no broker any more, or it found
   *   the memory wrong · ETIMEDOUT
   */
  async publish(key: MemoryKey, file: MemoryFile, limits: Limits = {}): Promise<void> {
    await this.#requests.make(limits, 'DONE', (request) => {
      const { bytes, descriptor } = file;
      this.#connection.send({ type: 'PUBLISH', request, key, bytes }, [descriptor]);
    });
  }

  /** From now on nobody opens it. */
  withdraw(key: MemoryKey): void {
    this.#connection.send({ type: 'WITHDRAW', key });
  }

  /** @returns a descriptor that is ours @throws ENOENT the broker holds none · EPIPE there is no broker any more · ETIMEDOUT */
  fetch(key: MemoryKey, limits: Limits = {}): Promise<MemoryFile> {
    return this.#requests.make(limits, 'MEMORY', (request) => {
      this.#connection.send({ type: 'FETCH', request, key });
    });
  }

  /** Leaves the domain: the broker recovers our station at once. */
  bye(): void {
    this.#connection.finish({ type: 'BYE' });
    this.#requests.fail();
  }

  /** Cuts the connection; may be called again. */
  close(): void {
    this.#connection.close();
    this.#requests.fail();
  }
}

/** One try to join. */
class Attempt {
  readonly #arrival = new Arrival();
  #connection: Connection | null = null;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    readonly path: string,
    readonly who: Joiner,
    readonly ending: Ending<Joined>,
  ) {}

  begin(): () => void {
    this.#dial();
    return () => {
      clearTimeout(this.#retry);
      this.#arrival[Symbol.dispose]();
      if (this.#connection !== null) this.#giveUp(this.#connection);
    };
  }

  #dial(): void {
    try {
      const connection = new Connection(this.#reach(), after, {
        message: (message, parcel) => this.#take(connection, message, parcel),
        ended: (why) => this.ending.reject(why ?? left()),
      });
      this.#connection = connection;
      connection.read({ ref: true });
      this.#hello(connection);
    } catch (error) {
      if (DmaBufError.is(error, 'EBUSY')) this.#retry = setTimeout(() => this.#dial(), AGAIN);
      else this.ending.reject(notReached(error, this.path));
    }
  }

  /** @throws EACCES whoever listens there is not who shall */
  #reach(): PacketSocket {
    const { path, who } = this;
    const socket = PacketSocket.connect(path);
    const { uid } = socket.peer;
    if (who.owner === undefined || who.owner === uid) return socket;
    socket.close();
    const why = 'the domain has ended, and somebody else listens in its place';
    throw fail('EACCES', JOIN, { path, uid }, { why });
  }

  #hello(connection: Connection): void {
    const { bell, again } = this.who;
    connection.send(
      {
        type: 'HELLO',
        pid: process.pid,
        again: again !== undefined,
        station: again?.station ?? { station: 0, life: 0 },
        arena: again === undefined ? 0 : identityOf(again.arena),
      },
      [bell],
    );
  }

  #take(connection: Connection, message: Message, parcel: Parcel): void {
    const welcome = this.#arrival.take(message, parcel);
    if (welcome === null) return;
    connection.pause();
    // From here on the connection is the client's.
    this.#connection = null;
    if (this.ending.resolve({ client: BrokerClient.over(connection), welcome })) return;
    this.#giveUp(connection);
  }

  /** Who was no member before says that it is none now: this process lives, so its station would stay. */
  #giveUp(connection: Connection): void {
    if (this.who.again === undefined) connection.finish({ type: 'BYE' });
    else connection.close();
  }
}

function left(): Error {
  return fail('ENOENT', JOIN, {}, { why: 'the broker ended while this process joined: try again' });
}

/** What connecting says, for who wants to join. */
const NOT_REACHED: Partial<Record<ErrorCode, string>> = {
  ENOENT: 'no domain lives at this path',
  EACCES: 'this user may not reach the domain: its creator names users, Domain.create({ users })',
  EPROTO: 'whoever listens at this path is no domain',
};

function notReached(error: unknown, path: string): unknown {
  if (!DmaBufError.is(error)) return error;
  // A socket of another kind.
  const code = error.code === 'EIO' ? 'EPROTO' : error.code;
  return fail(code, JOIN, { path }, { why: NOT_REACHED[code] ?? whyOf(error), cause: error });
}
