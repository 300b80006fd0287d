// SPDX-License-Identifier: MIT
/** Packets with descriptors. */
import { fstatSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  closeAll,
  closeDescriptor,
  control,
  openDescriptors,
} from '../../../../src/host/linux/descriptors.js';
import { createMemoryFile } from '../../../../src/host/linux/memory-file.js';
import {
  type Packet,
  PacketListener,
  PacketSocket,
} from '../../../../src/host/linux/packet-socket.js';
import { Readiness } from '../../../../src/host/linux/readiness.js';
import { directory, later, leavesNoDescriptor, own, refused, start, until } from './rig.js';

leavesNoDescriptor();

const F_GETFD = 1;

function listen(): { readonly listener: PacketListener; readonly where: string } {
  const where = path.join(directory(), 'socket');
  const listener = PacketListener.bind(where);
  later(() => listener.close());
  return { listener, where };
}

interface Pair {
  readonly near: PacketSocket;
  readonly far: PacketSocket;
}

function pair(): Pair {
  const { listener, where } = listen();
  const near = PacketSocket.connect(where);
  const far = listener.accept();
  if (far === null) throw new Error('nobody came');
  later(() => {
    near.close();
    far.close();
  });
  return { near, far };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const file = (size = 0): number => own(createMemoryFile('test', size));

/** A packet that has come; its descriptors are closed at the end. */
function packet(socket: PacketSocket): Packet {
  const got = socket.receive();
  if (typeof got === 'string') throw new Error(got);
  for (const fd of got.descriptors) own(fd);
  return got;
}

describe('a packet', () => {
  it('arrives whole, once, and in order', () => {
    const { near, far } = pair();
    for (const payload of [bytes(1), bytes(2, 3), new Uint8Array(65_536).fill(9)])
      expect(near.send(payload)).toBe(true);
    expect(packet(far).payload).toEqual(bytes(1));
    expect(packet(far).payload).toEqual(bytes(2, 3));
    expect(packet(far).payload).toEqual(new Uint8Array(65_536).fill(9));
    expect(far.receive()).toBe('later');
  });

  it('is the receiver’s own copy', () => {
    const { near, far } = pair();
    near.send(bytes(1));
    const first = packet(far);
    near.send(bytes(2));
    packet(far);
    expect(first.payload).toEqual(bytes(1));
  });

  it('is empty or longer than 64 KiB: EINVAL', () => {
    const { near, far } = pair();
    for (const length of [0, 65_537])
      expect(() => near.send(new Uint8Array(length))).toThrow(refused('EINVAL', String(length)));
    expect(far.receive()).toBe('later');
  });

  it('brings descriptors, which are copies, close on exec, and stay the sender’s, too', () => {
    const { near, far } = pair();
    const sizes = [65_536, 0, 131_072];
    const sent = sizes.map(file);
    near.send(bytes(7), sent);
    const { payload, descriptors } = packet(far);
    expect(payload).toEqual(bytes(7));
    expect(descriptors.map((fd) => fstatSync(fd).size)).toEqual(sizes);
    expect(descriptors.every((fd) => control(fd, F_GETFD, 0) === 1)).toBe(true);
    expect(new Set([...descriptors, ...sent]).size).toBe(6);
  });

  it('brings 253 of them, and no more', () => {
    const { near, far } = pair();
    const fd = file();
    expect(
      near.send(
        bytes(1),
        Array.from({ length: 253 }, () => fd),
      ),
    ).toBe(true);
    expect(packet(far).descriptors).toHaveLength(253);
    const many = Array.from({ length: 254 }, () => fd);
    expect(() => near.send(bytes(1), many)).toThrow(refused('EINVAL', '254'));
    expect(() => near.send(bytes(1), [9999])).toThrow(refused('EBADF'));
    expect(far.receive()).toBe('later');
  });

  it('with descriptors says nothing of the next one', () => {
    const { near, far } = pair();
    near.send(bytes(1), [file()]);
    near.send(bytes(2));
    expect(packet(far).descriptors).toHaveLength(1);
    expect(packet(far)).toEqual({ payload: bytes(2), descriptors: [] });
  });
});

describe('a queue that is full', () => {
  it('takes no more until something is read', () => {
    const { near, far } = pair();
    let sent = 0;
    while (near.send(bytes(1))) sent++;
    expect(sent).toBeGreaterThan(10);
    expect(near.send(bytes(1))).toBe(false);
    while (far.receive() !== 'later') sent--;
    expect(sent).toBe(0);
    expect(near.send(bytes(1))).toBe(true);
  });

  it('is closed with what is in it, descriptors included', () => {
    const { near, far } = pair();
    const fd = file();
    for (let n = 0; n < 5; n++) near.send(bytes(1), [fd, fd]);
    far.close();
    expect(() => near.send(bytes(1))).toThrow(refused('EPIPE'));
  });
});

describe('the other side has closed', () => {
  it('what it sent before is received, then the end', () => {
    const { near, far } = pair();
    near.send(bytes(1));
    near.send(bytes(2), [file()]);
    near.close();
    expect(packet(far).payload).toEqual(bytes(1));
    expect(packet(far).descriptors).toHaveLength(1);
    expect(far.receive()).toBe('closed');
    expect(far.receive()).toBe('closed');
  });

  it('also when it did not read what was sent to it', () => {
    const { near, far } = pair();
    far.send(bytes(1));
    near.send(bytes(2));
    near.close();
    expect(packet(far).payload).toEqual(bytes(2));
    expect(far.receive()).toBe('closed');
    expect(() => far.send(bytes(1))).toThrow(refused('EPIPE'));
  });

  it('readiness tells it', async () => {
    for (const unread of [false, true]) {
      const { near, far } = pair();
      const told: (string | boolean)[] = [];
      const readiness = new Readiness(far.descriptor, (closed) => {
        const got = far.receive();
        if (typeof got !== 'string' || got === 'closed') told.push(closed);
        if (got === 'closed') readiness.close();
      });
      near.send(bytes(1));
      await until(() => told.length === 1);
      if (unread) far.send(bytes(1));
      near.close();
      await until(() => told.length === 2);
      expect(told).toEqual([false, true]);
    }
  });
});

describe('waiting for a packet', () => {
  it('gets what is there, or the end, or ETIMEDOUT', () => {
    const { near, far } = pair();
    near.send(bytes(5));
    expect(far.receiveWithin(0)).toMatchObject({ payload: bytes(5) });
    expect(() => far.receiveWithin(0)).toThrow(refused('ETIMEDOUT'));
    expect(() => far.receiveWithin(20)).toThrow(refused('ETIMEDOUT', 'timeout 20'));
    near.close();
    expect(far.receiveWithin(Infinity)).toBe('closed');
  });
});

describe('connecting', () => {
  it('both sides learn who the other one is, from the system', () => {
    const { near, far } = pair();
    const { uid, gid } = { uid: process.getuid?.(), gid: process.getgid?.() };
    for (const { peer } of [near, far]) expect(peer).toEqual({ pid: process.pid, uid, gid });
  });

  it('is ENOENT where nobody listens, or nobody does any more', () => {
    const { listener, where } = listen();
    listener.close();
    for (const at of [where, `${where}-none`, `${where}/below`])
      expect(() => PacketSocket.connect(at)).toThrow(refused('ENOENT', at));
  });

  it('is EBUSY when too many wait to be accepted', () => {
    const { listener, where } = listen();
    const before = openDescriptors();
    const waiting: PacketSocket[] = [];
    expect(() => {
      for (;;) waiting.push(PacketSocket.connect(where));
    }).toThrow(refused('EBUSY'));
    expect(openDescriptors()).toBe(before + waiting.length);
    for (const socket of waiting) socket.close();
    listener.accept()?.close();
    PacketSocket.connect(where).close();
  });

  it('nobody has come: accept is null', () => {
    expect(listen().listener.accept()).toBe(null);
  });

  it('a place that is taken is EEXIST, one too long ENAMETOOLONG', () => {
    const { where } = listen();
    expect(() => PacketListener.bind(where)).toThrow(refused('EEXIST', where));
    const long = path.join(path.dirname(where), 'x'.repeat(108));
    for (const call of [PacketListener.bind, PacketSocket.connect])
      expect(() => call(long)).toThrow(refused('ENAMETOOLONG', '107'));
  });

  it('without descriptors refuses who comes, and loses what cannot be taken, and nothing else', async () => {
    const env = { ...process.env, SOCKET: path.join(directory(), 'socket') };
    const shell = {
      execPath: '/bin/sh',
      execArgv: ['-c', 'ulimit -n 60; exec "$0" "$@"', process.execPath],
      env,
    };
    const { how, printed } = await start('run out of descriptors', shell).end;
    expect(printed.split('\n')).toEqual([
      expect.stringMatching(/^ENFILE .*ulimit -n/),
      'closed',
      'null',
      expect.stringMatching(/^EPROTO .*descriptors/),
      '0 left open',
      'later',
    ]);
    expect(how).toBe(0);
  });
});

describe('closing', () => {
  it('twice closes once, and what is closed is EBADF', () => {
    const { near } = pair();
    const { listener } = listen();
    near.close();
    listener.close();
    const others = [file(), file(), file()];
    near.close();
    listener.close();
    expect(others.map((fd) => fstatSync(fd).size)).toEqual([0, 0, 0]);
    expect(() => near.send(bytes(1))).toThrow(refused('EBADF'));
    expect(() => near.receive()).toThrow(refused('EBADF'));
    expect(() => listener.accept()).toThrow(refused('EBADF'));
  });

  it('a descriptor that is closed already is EBADF, loudly', () => {
    const fd = createMemoryFile('x', 0);
    closeAll([fd]);
    expect(() => closeDescriptor(fd)).toThrow(refused('EBADF', `descriptor ${fd}`));
  });
});
