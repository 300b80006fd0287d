// SPDX-License-Identifier: MIT
/** One end of a connection: what is not read at once waits, with descriptors of its own; what is never read ends it. */
import { describe, expect, it } from 'vitest';
import type { DmaBufError } from '../../../../src/errors.js';
import { Connection } from '../../../../src/host/broker/connection.js';
import { decode, type Message } from '../../../../src/host/broker/messages.js';
import { drainEvent, ringEvent } from '../../../../src/host/linux/event-descriptor.js';
import { PacketListener, type PacketSocket } from '../../../../src/host/linux/packet-socket.js';
import { type Raw, type Rig, rigs, turn, until } from './rig.js';

const rig = rigs();
const left = (n: number): Message => ({ type: 'LEFT', station: { station: 1, life: n } });

interface Ends {
  readonly connection: Connection;
  /** What it sends through. */
  readonly socket: PacketSocket;
  readonly raw: Raw;
  readonly ended: (DmaBufError | null)[];
  readonly heard: Message[];
}

/** Both ends: one of ours, and one that speaks and reads when the test says so. */
function connect(at: Rig, onMessage: (message: Message) => void = () => {}): Ends {
  const listener = PacketListener.bind(at.path);
  const raw = at.dial();
  const socket = listener.accept();
  listener.close();
  if (socket === null) throw new Error('nobody has connected');
  const ended: Ends['ended'] = [];
  const heard: Message[] = [];
  const connection = new Connection(socket, at.clock.after, {
    message(message) {
      heard.push(message);
      onMessage(message);
    },
    ended: (why) => ended.push(why),
  });
  at.later(() => connection.close());
  return { connection, socket, raw, ended, heard };
}

/** The life in the next LEFT, or what it hears in place of it. */
async function nextOne(raw: Raw): Promise<number | 'closed'> {
  for (let packet = raw.socket.receive(); ; packet = raw.socket.receive()) {
    if (packet === 'closed') return packet;
    if (packet === 'later') {
      rig().clock.pass(5);
      await turn();
      continue;
    }
    for (const descriptor of packet.descriptors) rig().own(descriptor);
    const message = decode(packet.payload, packet.descriptors.length);
    if (message.type === 'LEFT') return message.station.life;
  }
}

describe('what the other side does not read yet', () => {
  it('waits, and comes in order', async () => {
    const { connection, raw, ended } = connect(rig());
    connection.read({ ref: false });
    for (let n = 0; n < 1000; n++) connection.send(left(n));
    expect(rig().clock.pending).toBe(1);
    for (let n = 0; n < 1000; n++) expect(await nextOne(raw)).toBe(n);
    expect([ended, rig().clock.pending]).toEqual([[], 0]);
  });

  it('is forgotten, and closed once, when it cannot be sent at all', async () => {
    const { connection, socket, ended } = connect(rig());
    for (let n = 0; n < 500; n++)
      connection.send({ type: 'JOINED', list: [{ station: 1, life: 1 }] }, [rig().bell()]);
    socket.close();
    rig().clock.pass(5);
    await turn();
    expect(ended).toEqual([expect.objectContaining({ code: 'EBADF' })]);
  });

  it('keeps descriptors of its own', async () => {
    const { connection, raw } = connect(rig());
    const bell = rig().bell();
    ringEvent(bell);
    for (let n = 0; n < 500; n++) connection.send(left(n));
    connection.send({ type: 'JOINED', list: [{ station: 1, life: 1 }] }, [bell]);
    connection.send(left(500));
    rig().close(bell);
    const mine = rig().bell();
    for (let n = 0; n < 500; n++) await nextOne(raw);
    let packet = raw.socket.receive();
    while (packet === 'later') {
      rig().clock.pass(5);
      packet = raw.socket.receive();
    }
    if (packet === 'closed') throw new Error('closed');
    const [got = -1] = packet.descriptors;
    rig().own(got);
    expect([drainEvent(got), drainEvent(mine)]).toEqual([true, false]);
    expect(await nextOne(raw)).toBe(500);
  });

  it('ends the connection when it is too much, in a later turn, and once', async () => {
    const { connection, ended } = connect(rig());
    connection.read({ ref: false });
    for (let n = 0; n < 3000; n++) connection.send(left(n), []);
    expect(ended).toEqual([]);
    await until(() => ended.length > 0);
    await turn();
    expect(ended).toMatchObject([{ code: 'EPROTO' }]);
  });

  it('ends the connection when its descriptors cannot be kept', async () => {
    const { connection, ended } = connect(rig());
    connection.read({ ref: false });
    for (let n = 0; n < 500; n++) connection.send(left(n));
    const [bell, closed] = [rig().bell(), rig().bell()];
    rig().close(closed);
    const stations = [1, 2].map((station) => ({ station, life: 1 }));
    connection.send({ type: 'JOINED', list: stations }, [bell, closed]);
    await until(() => ended.length > 0);
    expect(ended).toMatchObject([{ code: 'EBADF' }]);
  });

  it('still comes when the last word has been said, then the connection is closed', async () => {
    const { connection, raw, ended } = connect(rig());
    connection.read({ ref: false });
    for (let n = 0; n < 500; n++) connection.send(left(n));
    connection.finish(left(500));
    for (let n = 0; n <= 500; n++) expect(await nextOne(raw)).toBe(n);
    expect(await nextOne(raw)).toBe('closed');
    expect(ended).toEqual([]);
  });

  it('is dropped when the other side closes', async () => {
    const { connection, raw, ended } = connect(rig());
    connection.read({ ref: false });
    for (let n = 0; n < 500; n++) connection.send(left(n), []);
    raw.close();
    await until(() => ended.length > 0);
    connection.send(left(0));
    expect(ended).toEqual([null]);
    connection.close();
    expect(rig().clock.pending).toBe(0);
  });
});

describe('what comes', () => {
  it('is read to the end though the other side has closed', async () => {
    const { connection, raw, ended, heard } = connect(rig());
    for (let n = 0; n < 200; n++) raw.say(left(n));
    raw.close();
    connection.read({ ref: false });
    await until(() => ended.length > 0);
    expect(heard).toHaveLength(200);
    expect(ended).toEqual([null]);
  });

  it('stays with the system while the connection pauses', async () => {
    const { connection, raw, heard } = connect(rig(), () => connection.pause());
    raw.say(left(0));
    raw.say(left(1));
    connection.read({ ref: false });
    await until(() => heard.length > 0);
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(heard).toEqual([left(0)]);
    connection.read({ ref: false });
    await until(() => heard.length > 1);
  });

  it('and cannot be handled ends the connection: a mistake of ours, too', async () => {
    const { connection, raw, ended } = connect(rig(), () => {
      throw new TypeError('a mistake');
    });
    raw.say(left(0), []);
    connection.read({ ref: false });
    await until(() => ended.length > 0);
    expect(ended).toMatchObject([{ code: 'EIO', cause: new TypeError('a mistake') }]);
  });
});
