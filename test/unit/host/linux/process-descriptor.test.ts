// SPDX-License-Identifier: MIT
/** Processes by descriptors. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { closeDescriptor } from '../../../../src/host/linux/descriptors.js';
import { createEvent } from '../../../../src/host/linux/event-descriptor.js';
import { PacketListener, PacketSocket } from '../../../../src/host/linux/packet-socket.js';
import { ProcessDescriptor } from '../../../../src/host/linux/process-descriptor.js';
import { Readiness } from '../../../../src/host/linux/readiness.js';
import { directory, later, leavesNoDescriptor, refused, until } from './rig.js';

leavesNoDescriptor();

const SIGTERM = 15;
const SIGKILL = 9;

function child(): ChildProcess & { readonly pid: number } {
  const made = spawn('sleep', ['1000'], { stdio: 'ignore' });
  later(() => made.kill('SIGKILL'));
  if (made.pid === undefined) throw new Error('no process');
  return made as ChildProcess & { readonly pid: number };
}

function opened(pid: number): ProcessDescriptor {
  const process = ProcessDescriptor.open(pid);
  if (process === null) throw new Error('gone');
  later(() => process.close());
  return process;
}

describe('a process descriptor', () => {
  it('tells when the process has ended, and is readable then', async () => {
    const { pid } = child();
    const process = opened(pid);
    expect(process.hasEnded()).toBe(false);
    let told = false;
    const readiness = new Readiness(process.descriptor, () => {
      told = true;
      readiness.close();
    });
    process.signal(SIGKILL);
    await until(() => told);
    expect(process.hasEnded()).toBe(true);
  });

  it('of a process that is gone is null', async () => {
    const ended = child();
    ended.kill('SIGKILL');
    await once(ended, 'exit');
    expect(ProcessDescriptor.open(ended.pid)).toBe(null);
  });

  it('signals that process, and nobody when it has ended', async () => {
    const target = child();
    const process = opened(target.pid);
    process.signal(SIGTERM);
    expect(await once(target, 'exit')).toEqual([null, 'SIGTERM']);
    process.signal(SIGTERM);
    expect(() => process.signal(9999)).not.toThrow();
  });

  it('wants a pid and a signal that there can be', () => {
    for (const pid of [0, -1]) expect(() => ProcessDescriptor.open(pid)).toThrow(refused('EINVAL'));
    const process = opened(child().pid);
    expect(() => process.signal(9999)).toThrow(refused('EINVAL', '9999'));
  });

  it('that is closed does nothing any more, and is closed once', () => {
    const process = opened(child().pid);
    process.close();
    process.close();
    expect(() => process.hasEnded()).toThrow(refused('EBADF'));
    expect(() => process.signal(SIGTERM)).toThrow(refused('EBADF'));
  });
});

describe('the process at the other side of a connection', () => {
  it('is that one while the connection stands', () => {
    const where = path.join(directory(), 'socket');
    const listener = PacketListener.bind(where);
    const near = PacketSocket.connect(where);
    const far = listener.accept();
    if (far === null) throw new Error('nobody came');
    const peer = ProcessDescriptor.ofPeer(far);
    expect(peer?.hasEnded()).toBe(false);
    peer?.signal(0);
    for (const one of [peer, near, far, listener]) one?.close();
  });

  it('is told by its number, but only while it has not hung up, where the system knows no better', () => {
    // Stands for a connection of which the system cannot say more than the number.
    const both = createEvent();
    const end = openSync(`/proc/self/fd/${both}`, constants.O_RDONLY | constants.O_NONBLOCK);
    const socket = { descriptor: end, peer: { pid: process.pid } } as PacketSocket;
    const peer = ProcessDescriptor.ofPeer(socket);
    expect(peer?.hasEnded()).toBe(false);
    peer?.close();
    closeDescriptor(both);
    expect(ProcessDescriptor.ofPeer(socket)).toBe(null);
    closeSync(end);
  });
});
