// SPDX-License-Identifier: MIT
/** Joining a domain through its broker, and what members are told of each other. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { BrokerClient } from '../../../../src/host/broker/client.js';
import { drainEvent, ringEvent } from '../../../../src/host/linux/event-descriptor.js';
import { checkMemoryFile } from '../../../../src/host/linux/memory-file.js';
import { ARENA, Guest, rigs, SLAB, serve, until } from './rig.js';

const rig = rigs();

describe('a process that joins', () => {
  it('gets a station, the memory of the domain and the bell of its broker', async () => {
    const host = serve(rig(), { slabs: [rig().memory(SLAB), rig().memory(ARENA)] });
    const guest = await Guest.join(rig());
    const { welcome, bell } = guest;
    expect(welcome.station).toEqual({ station: 1, life: 7 });
    expect(welcome.broker).toEqual(host.bell.station);
    checkMemoryFile('test', welcome.arena.descriptor, ARENA);
    expect(welcome.slabs.map(({ bytes }) => bytes)).toEqual([SLAB, ARENA]);
    for (const { descriptor, bytes } of welcome.slabs) checkMemoryFile('test', descriptor, bytes);
    expect(welcome.bells.map(({ station }) => station)).toEqual([host.bell.station]);
    ringEvent(welcome.bells[0]?.descriptor ?? -1);
    expect(drainEvent(host.bell.descriptor)).toBe(true);
    expect(host.joined.map(({ station }) => station)).toEqual([guest.station]);
    ringEvent(host.joined[0]?.descriptor ?? -1);
    expect(drainEvent(bell)).toBe(true);
    expect(host.server.peers).toBe(1);
  });

  it('can ring those that were there before, and be rung by them', async () => {
    serve(rig());
    const first = await Guest.join(rig());
    const second = await Guest.join(rig());
    await until(() => first.joined.length === 1);
    const [, ofFirst] = second.welcome.bells;
    expect(ofFirst?.station).toEqual(first.station);
    ringEvent(ofFirst?.descriptor ?? -1);
    expect(drainEvent(first.bell)).toBe(true);
    expect(first.joined[0]?.station).toEqual(second.station);
    ringEvent(first.joined[0]?.descriptor ?? -1);
    expect(drainEvent(second.bell)).toBe(true);
  });

  it('gets more descriptors than go into one packet', async () => {
    const slabs = Array.from({ length: 251 }, () => rig().memory(ARENA));
    serve(rig(), { slabs });
    const guest = await Guest.join(rig());
    expect(guest.welcome.slabs.length).toBe(251);
  });
});

describe('a member that leaves', () => {
  it('is gone at once, and the others are told', async () => {
    const host = serve(rig());
    const first = await Guest.join(rig());
    const second = await Guest.join(rig());
    second.client.bye();
    await until(() => first.left.length === 1);
    expect(first.left).toEqual([second.station]);
    expect(host.gone).toEqual([second.station]);
    expect(second.closed).toEqual([]);
    expect(host.server.peers).toBe(1);
  });

  it('keeps its station when only its connection ends, and may come again', async () => {
    const host = serve(rig());
    const first = await Guest.join(rig());
    const second = await Guest.join(rig());
    second.client.close();
    await until(() => host.server.peers === 1);
    expect([host.gone, first.left]).toEqual([[], []]);
    const { station, welcome } = second;
    const third = await Guest.join(
      rig(),
      { station, arena: welcome.arena.descriptor },
      second.bell,
    );
    expect(third.station).toEqual(station);
    expect(host.server.peers).toBe(2);
  });
});

it('who joins where something else listens is told so', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(rig().path, resolve));
  rig().later(() => new Promise((resolve) => server.close(resolve)));
  const lost = BrokerClient.connect(rig().path, { bell: rig().bell() });
  await expect(lost).rejects.toMatchObject({
    code: 'EPROTO',
    op: 'Domain.join',
    message: expect.stringContaining('no domain') as string,
  });
});

it.each(['', 'a\0b', 'x'.repeat(200)])(
  'who joins at an impossible path is told so: %j',
  async (at) => {
    const lost = BrokerClient.connect(at, { bell: rig().bell() });
    const code = at.length === 200 ? 'ENAMETOOLONG' : 'EINVAL';
    await expect(lost).rejects.toMatchObject({ code, op: 'Domain.join' });
  },
);

it('who looks for the domain of a user joins that of nobody else', async () => {
  const host = serve(rig());
  const us = process.geteuid?.() ?? 0;
  const bell = rig().bell();
  const lost = BrokerClient.connect(rig().path, { bell, owner: us + 1 });
  await expect(lost).rejects.toMatchObject({ code: 'EACCES', op: 'Domain.join' });
  expect(host.stations.size).toBe(1);
  const { client, welcome } = await BrokerClient.connect(rig().path, { bell, owner: us });
  for (const { descriptor } of [welcome.arena, ...welcome.bells]) rig().own(descriptor);
  client.close();
});

it('who joins where nobody listens is told so', async () => {
  const lost = BrokerClient.connect(rig().path, { bell: rig().bell() });
  await expect(lost).rejects.toMatchObject({ code: 'ENOENT', op: 'Domain.join' });
});
