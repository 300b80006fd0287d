// SPDX-License-Identifier: MIT
/** What a member does when its broker is wrong, broken or hostile: it believes nothing, and closes all that came. */
import { openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BrokerClient } from '../../../../src/host/broker/client.js';
import { encode, type Message } from '../../../../src/host/broker/messages.js';
import { openDescriptors } from '../../../../src/host/linux/descriptors.js';
import { createMemoryFile } from '../../../../src/host/linux/memory-file.js';
import { PacketListener } from '../../../../src/host/linux/packet-socket.js';
import { ARENA, Guest, Raw, type Rig, rigs, turn, until } from './rig.js';

const rig = rigs();

/** Somebody who listens where a broker should be. */
class Impostor {
  readonly listener: PacketListener;

  constructor(readonly at: Rig) {
    this.listener = PacketListener.bind(at.path);
    at.later(() => this.listener.close());
  }

  /** The next one that connects, after it has said hello. */
  async meet(): Promise<Raw> {
    for (;;) {
      const socket = this.listener.accept();
      if (socket === null) {
        await turn();
        continue;
      }
      const raw = new Raw(socket);
      this.at.later(() => raw.close());
      const packet = await raw.hear();
      if (packet !== 'closed') for (const descriptor of packet.descriptors) this.at.own(descriptor);
      return raw;
    }
  }
}

const station = { station: 1, life: 1 };
const broker = { station: 0, life: 1 };
const welcome = (more: object = {}): Message => ({
  type: 'WELCOME',
  station,
  broker,
  arena: ARENA,
  slabs: 0,
  bells: 0,
  ...more,
});

type Sent = readonly [Message, readonly number[]];

/** Wrong things, by what is wrong with them; descriptors are made when they are sent. */
const WRONG: Readonly<Record<string, (at: Rig) => Sent[]>> = {
  'an arena that is not sealed': (at) => [
    [welcome(), [at.own(createMemoryFile('dmabuf-test', ARENA, { forReaders: true }))]],
  ],
  'an arena of another size': (at) => [
    [welcome({ arena: 2 * ARENA }), [at.memory(ARENA).descriptor]],
  ],
  'an arena of no size': (at) => [[welcome({ arena: 0 }), [at.memory(ARENA).descriptor]]],
  'an arena that cannot be mapped': (at) => [
    [welcome({ arena: 100 }), [at.memory(100).descriptor]],
  ],
  'an arena that is no memory': (at) => [[welcome(), [at.own(openSync('/dev/null', 'r'))]]],
  'more slabs than there can be': (at) => [
    [welcome({ slabs: 5000 }), [at.memory(ARENA).descriptor]],
  ],
  'a slab that is not sealed': (at) => [
    [welcome({ slabs: 1 }), [at.memory(ARENA).descriptor]],
    [
      { type: 'SLABS', list: [ARENA] },
      [at.own(createMemoryFile('dmabuf-test', ARENA, { forReaders: true }))],
    ],
  ],
  'more slabs than it counted': (at) => [
    [welcome({ slabs: 1, bells: 1 }), [at.memory(ARENA).descriptor]],
    [
      { type: 'SLABS', list: [ARENA, ARENA] },
      [at.memory(ARENA).descriptor, at.memory(ARENA).descriptor],
    ],
  ],
  'a bell that could block': (at) => [
    [welcome({ bells: 1 }), [at.memory(ARENA).descriptor]],
    [{ type: 'JOINED', list: [broker] }, [at.memory(ARENA).descriptor]],
  ],
  'slabs before the welcome': (at) => [
    [{ type: 'SLABS', list: [ARENA] }, [at.memory(ARENA).descriptor]],
  ],
  'two welcomes': (at) => [
    [welcome({ slabs: 1 }), [at.memory(ARENA).descriptor]],
    [welcome({ slabs: 1 }), [at.memory(ARENA).descriptor]],
  ],
  'an answer to nothing': () => [[{ type: 'DONE', request: 1 }, []]],
  'what members say': () => [[{ type: 'BYE' }, []]],
};

describe('who joins', () => {
  it.each(Object.entries(WRONG))('takes no %s', async (_, make) => {
    const impostor = new Impostor(rig());
    const bell = rig().bell();
    const sent = make(rig());
    const before = openDescriptors();
    const joined = BrokerClient.connect(rig().path, { bell });
    const refused = expect(joined).rejects.toMatchObject({ code: 'EPROTO' });
    const raw = await impostor.meet();
    for (const [message, descriptors] of sent) raw.say(message, descriptors);
    await refused;
    // What is left is our side of the connection, and the bell that came with the hello.
    expect(openDescriptors()).toBe(before + 2);
  });

  it('is told when the broker speaks another version', async () => {
    const impostor = new Impostor(rig());
    const joined = BrokerClient.connect(rig().path, { bell: rig().bell() });
    const refused = expect(joined).rejects.toMatchObject({ code: 'EPROTONOSUPPORT' });
    const raw = await impostor.meet();
    const packet = encode({ type: 'BYE' });
    packet[4] = 2;
    raw.socket.send(packet);
    await refused;
  });

  it('is told when the broker ends meanwhile', async () => {
    const impostor = new Impostor(rig());
    const joined = BrokerClient.connect(rig().path, { bell: rig().bell() });
    const refused = expect(joined).rejects.toMatchObject({ code: 'ENOENT' });
    (await impostor.meet()).close();
    await refused;
  });

  it('waits no longer than it says for a broker that does not answer', async () => {
    const impostor = new Impostor(rig());
    const bell = rig().bell();
    const late = BrokerClient.connect(rig().path, { bell }, { timeout: 1 });
    await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(impostor.listener.accept()?.close()).toBe(undefined);
    const controller = new AbortController();
    const given = BrokerClient.connect(rig().path, { bell }, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    const never = BrokerClient.connect(rig().path, { bell }, { signal: controller.signal });
    await expect(never).rejects.toThrow('enough');
  });
});

describe('a member', () => {
  /** One that has joined at an impostor's. */
  async function member(): Promise<{ readonly guest: Guest; readonly raw: Raw }> {
    const impostor = new Impostor(rig());
    const joining = Guest.join(rig());
    const raw = await impostor.meet();
    raw.say(welcome(), [rig().memory(ARENA).descriptor]);
    return { guest: await joining, raw };
  }

  const LATER: Readonly<Record<string, (at: Rig) => Sent>> = {
    'a bell that could block': (at) => [
      { type: 'JOINED', list: [broker] },
      [at.memory(ARENA).descriptor],
    ],
    'an answer to nothing': () => [{ type: 'DONE', request: 1 }, []],
    'memory that it has not asked for': (at) => [
      { type: 'MEMORY', request: 1, bytes: ARENA },
      [at.memory(ARENA).descriptor],
    ],
    'another welcome': (at) => [welcome(), [at.memory(ARENA).descriptor]],
    'what members say': () => [{ type: 'BYE' }, []],
  };

  it.each(Object.entries(LATER))('that is sent %s hangs up', async (_, make) => {
    const { guest, raw } = await member();
    raw.say(...make(rig()));
    await until(() => guest.closed.length > 0);
    expect(guest.closed).toMatchObject([{ code: 'EPROTO' }]);
    expect(guest.joined).toEqual([]);
  });

  it('that fetches gets no memory that is wrong, and hangs up', async () => {
    const { guest, raw } = await member();
    const fetched = guest.client.fetch({ row: 1, generation: 1 });
    const refused = expect(fetched).rejects.toMatchObject({ code: 'EPIPE' });
    raw.say({ type: 'MEMORY', request: 1, bytes: 2 * ARENA }, [rig().memory(ARENA).descriptor]);
    await refused;
    expect(guest.closed).toMatchObject([{ code: 'EPROTO' }]);
  });

  it('is told of others in the order in which they came', async () => {
    const { guest, raw } = await member();
    raw.say({ type: 'JOINED', list: [broker, station] }, [rig().bell(), rig().bell()]);
    raw.say({ type: 'LEFT', station: broker });
    await until(() => guest.left.length > 0);
    expect(guest.joined.map((bell) => bell.station)).toEqual([broker, station]);
    expect(guest.left).toEqual([broker]);
  });
});
