// SPDX-License-Identifier: MIT
/** Peers that are wrong, broken or hostile: refused with a reason, their descriptors closed, and nobody else notices. */
import { openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DmaBufError } from '../../../../src/errors.js';
import { decode, encode, type Message } from '../../../../src/host/broker/messages.js';
import { closeDescriptor, openDescriptors } from '../../../../src/host/linux/descriptors.js';
import type { Packet } from '../../../../src/host/linux/packet-socket.js';
import { ARENA, Guest, hello, type Raw, rigs, serve, turn, until } from './rig.js';

const rig = rigs();

/** What it hears is that it is refused, and the end. */
async function refusalOf(raw: Raw): Promise<Extract<Message, { type: 'REFUSED' }>> {
  let last: Packet | null = null;
  for (;;) {
    const packet = await raw.hear();
    if (packet === 'closed') break;
    for (const descriptor of packet.descriptors) closeDescriptor(descriptor);
    last = packet;
  }
  const message = decode(last?.payload ?? new Uint8Array(), last?.descriptors.length ?? 0);
  if (message.type !== 'REFUSED') throw new Error(`${message.type} instead of a refusal`);
  return message;
}

describe('what is no message', () => {
  const whole = encode(hello());
  const changed = (at: number, byte: number): Uint8Array => {
    const packet = Uint8Array.from(whole);
    packet[at] = byte;
    return packet;
  };
  const GARBAGE: readonly [string, Uint8Array, string][] = [
    ['noise', Uint8Array.from([1, 2, 3]), 'EPROTO'],
    ['another protocol', changed(0, 0), 'EPROTO'],
    ['another version', changed(4, 99), 'EPROTONOSUPPORT'],
    ['a type that there is not', changed(8, 99), 'EPROTO'],
    ['a length that is wrong', changed(12, 1), 'EPROTO'],
    ['half a message', whole.subarray(0, -1), 'EPROTO'],
    ['a message and more', Uint8Array.from([...whole, 0]), 'EPROTO'],
    ['a yes that is none', changed(20, 2), 'EPROTO'],
    ['as much as fits into a packet', new Uint8Array(65_536), 'EPROTO'],
  ];

  it.each(GARBAGE)('%s is refused', async (_, packet, code) => {
    const host = serve(rig());
    const raw = rig().dial();
    raw.socket.send(packet, [rig().bell()]);
    const refusal = await refusalOf(raw);
    expect(refusal.code).toBe(code);
    expect(host.refused.length).toBe(1);
    expect(host.refused[0]).toContain(refusal.why);
  });
});

describe('a HELLO', () => {
  it('of another process than the system says is refused', async () => {
    const host = serve(rig());
    const raw = rig().dial();
    raw.say(hello({ pid: process.ppid }), [rig().bell()]);
    expect(await refusalOf(raw)).toMatchObject({ code: 'EACCES' });
    expect(host.refused[0]).toContain('one pid namespace');
  });

  it('without a bell, or with two descriptors, is refused', async () => {
    serve(rig());
    for (const descriptors of [[], [rig().bell(), rig().bell()]]) {
      const raw = rig().dial();
      raw.say(hello(), descriptors);
      expect(await refusalOf(raw)).toMatchObject({ code: 'EPROTO' });
    }
  });

  it('whose bell is something else is refused: ringing it could block', async () => {
    serve(rig());
    for (const wrong of [rig().memory(ARENA).descriptor, rig().own(openSync('/dev/null', 'w'))]) {
      const raw = rig().dial();
      raw.say(hello(), [wrong]);
      expect(await refusalOf(raw)).toMatchObject({
        code: 'EPROTO',
        why: /event descriptor/ as never,
      });
    }
  });

  it('of more processes than there are stations is refused', async () => {
    serve(rig(), { most: 2 });
    await Guest.join(rig());
    await expect(Guest.join(rig())).rejects.toMatchObject({
      code: 'ENFILE',
      message: expect.stringContaining('all stations are taken') as string,
    });
  });

  it('that comes twice cuts the member off', async () => {
    const host = serve(rig());
    const raw = rig().dial();
    raw.say(hello(), [rig().bell()]);
    await until(() => host.server.peers === 1);
    raw.say(hello(), [rig().bell()]);
    expect(await refusalOf(raw)).toMatchObject({ code: 'EPROTO' });
    expect([host.server.peers, host.gone]).toEqual([0, []]);
  });

  it('for a station that another process has is refused', async () => {
    const host = serve(rig());
    host.stations.set(9, { life: 7, pid: process.ppid });
    const arena = host.arena.descriptor;
    const again = { station: { station: 9, life: 7 }, arena };
    await expect(Guest.join(rig(), again)).rejects.toMatchObject({ code: 'EACCES' });
  });

  it('for a station in another domain is refused', async () => {
    serve(rig());
    const guest = await Guest.join(rig());
    guest.client.close();
    const again = { station: guest.station, arena: rig().memory(ARENA).descriptor };
    await expect(Guest.join(rig(), again)).rejects.toMatchObject({
      code: 'EACCES',
      message: expect.stringContaining('another domain') as string,
    });
  });

  it('for a station that is connected is refused', async () => {
    serve(rig());
    const { station, welcome } = await Guest.join(rig());
    const again = { station, arena: welcome.arena.descriptor };
    await expect(Guest.join(rig(), again)).rejects.toMatchObject({ code: 'EBUSY' });
  });
});

describe('messages out of order', () => {
  const key = { row: 1, generation: 1 };
  const EARLY: readonly [Message, number][] = [
    [{ type: 'BYE' }, 0],
    [{ type: 'PUBLISH', request: 1, key, bytes: ARENA }, 1],
    [{ type: 'WITHDRAW', key }, 0],
    [{ type: 'LEFT', station: { station: 0, life: 1 } }, 0],
    [
      {
        type: 'WELCOME',
        station: { station: 1, life: 1 },
        broker: { station: 0, life: 1 },
        arena: ARENA,
        slabs: 0,
        bells: 0,
      },
      1,
    ],
  ];

  it.each(EARLY)('$type before HELLO is refused', async (message, descriptors) => {
    const host = serve(rig());
    const raw = rig().dial();
    raw.say(
      message,
      Array.from({ length: descriptors }, () => rig().memory(ARENA).descriptor),
    );
    expect(await refusalOf(raw)).toMatchObject({ code: 'EPROTO' });
    expect(host.gone).toEqual([]);
  });

  it('what only a broker says cuts a member off', async () => {
    const host = serve(rig());
    const raw = rig().dial();
    raw.say(hello(), [rig().bell()]);
    raw.say({ type: 'LEFT', station: { station: 0, life: 1 } });
    expect(await refusalOf(raw)).toMatchObject({ code: 'EPROTO' });
    expect(host.gone).toEqual([]);
  });
});

describe('a flood', () => {
  it('of connections that say nothing cuts the oldest, and lets those in that speak', async () => {
    const host = serve(rig());
    const silent = Array.from({ length: 64 }, () => rig().dial());
    await until(() => host.rig.clock.pending === 64);
    const last = rig().dial();
    expect(await silent[0]?.hear().then((packet) => packet !== 'closed')).toBe(true);
    expect(await silent[0]?.hear()).toBe('closed');
    expect(silent[1]?.socket.receive()).toBe('later');
    last.say(hello(), [rig().bell()]);
    await until(() => host.server.peers === 1);
    expect(host.refused).toHaveLength(1);
  });

  it('of descriptors leaves none open', async () => {
    serve(rig());
    const bell = rig().bell();
    const before = openDescriptors();
    for (let round = 0; round < 8; round++) {
      const raw = rig().dial();
      raw.say(
        hello(),
        Array.from({ length: 253 }, () => bell),
      );
      expect(await refusalOf(raw)).toMatchObject({ code: 'EPROTO' });
      raw.close();
    }
    expect(openDescriptors()).toBe(before);
  });

  it('of answers to one that does not read them cuts that one off, and nobody else', async () => {
    const host = serve(rig());
    const other = await Guest.join(rig());
    const deaf = rig().dial();
    deaf.say(hello(), [rig().bell()]);
    await until(() => host.server.peers === 2);
    const key = { row: 1, generation: 1 };
    host.server.memory.publish(key, rig().memory(ARENA));
    const fetch = encode({ type: 'FETCH', request: 1, key });
    while (host.server.peers === 2) {
      try {
        if (!deaf.socket.send(fetch)) await turn();
      } catch (error) {
        if (!DmaBufError.is(error, 'EPIPE')) throw error;
      }
    }
    expect(host.refused).toEqual([expect.stringContaining('reads nothing')]);
    expect(other.closed).toEqual([]);
  });
});

it('who says nothing for two seconds is cut', async () => {
  serve(rig());
  const raw = rig().dial();
  await until(() => rig().clock.pending === 1);
  rig().clock.pass(1999);
  await turn();
  expect(raw.socket.receive()).toBe('later');
  rig().clock.pass(1);
  expect(await refusalOf(raw)).toMatchObject({ code: 'ETIMEDOUT' });
});

it('who goes without a word is forgotten', async () => {
  const host = serve(rig());
  rig().dial().close();
  await until(() => rig().clock.pending === 0);
  expect(host.refused).toEqual([]);
});
