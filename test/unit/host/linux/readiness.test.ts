// SPDX-License-Identifier: MIT
/** Being called when a descriptor can be read. */
import { describe, expect, it } from 'vitest';
import { createEvent, drainEvent, ringEvent } from '../../../../src/host/linux/event-descriptor.js';
import { createMemoryFile } from '../../../../src/host/linux/memory-file.js';
import { Readiness } from '../../../../src/host/linux/readiness.js';
import { later, leavesNoDescriptor, own, refused, start, turn, until } from './rig.js';

leavesNoDescriptor();

function watched(fd: number, onReadable: () => void): Readiness {
  const readiness = new Readiness(fd, onReadable);
  later(() => readiness.close());
  return readiness;
}

describe('readiness', () => {
  it('is told as long as there is something to read, and not otherwise', async () => {
    const event = own(createEvent());
    let calls = 0;
    watched(event, () => calls++);
    for (let n = 0; n < 5; n++) await turn();
    expect(calls).toBe(0);
    ringEvent(event);
    await until(() => calls >= 3);
    drainEvent(event);
    const before = calls;
    for (let n = 0; n < 5; n++) await turn();
    expect(calls).toBe(before);
  });

  it('is told to each of two on one descriptor', async () => {
    const event = own(createEvent());
    const told = new Set<string>();
    watched(event, () => told.add('one'));
    watched(event, () => told.add('other'));
    ringEvent(event);
    await until(() => told.size === 2);
  });

  it('is told to nobody after close, which may come in the callback, and twice', async () => {
    const event = own(createEvent());
    let calls = 0;
    const readiness = watched(event, () => {
      calls++;
      readiness.close();
    });
    const other = watched(event, () => readiness.close());
    other.close();
    other.close();
    ringEvent(event);
    await until(() => calls > 0);
    for (let n = 0; n < 5; n++) await turn();
    readiness.ref();
    readiness.unref();
    expect(calls).toBe(1);
  });

  it('runs what a callback has promised at once', async () => {
    const event = own(createEvent());
    const order: string[] = [];
    watched(event, () => {
      drainEvent(event);
      queueMicrotask(() => order.push('microtask'));
      setImmediate(() => order.push('next turn'));
    });
    ringEvent(event);
    await until(() => order.length === 2);
    expect(order).toEqual(['microtask', 'next turn']);
  });

  it('of what is not open is EBADF, of a file EINVAL, and nothing stays open', () => {
    expect(() => new Readiness(9999, () => {})).toThrow(refused('EBADF'));
    const file = own(createMemoryFile('x', 1));
    expect(() => new Readiness(file, () => {})).toThrow(refused('EINVAL', 'is always readable'));
  });
});

describe('in a process of its own', () => {
  it('the garbage collector ends no watching', async () => {
    const { how } = await start('collect garbage', { execArgv: ['--expose-gc'] }).end;
    expect(how).toBe(0);
  });

  it('an exception of a callback is an uncaught one, and watching goes on', async () => {
    expect(await start('throw').end).toEqual({ how: 0, printed: 'polled polled watched watched' });
  });

  it('comes too late for a process that ends by itself, and does not take it down', async () => {
    expect(await start('be told too late').end).toEqual({ how: 0, printed: 'end' });
  });

  it('what is unref’d lets the process end', async () => {
    expect(await start('end while watching').end).toEqual({ how: 0, printed: 'end' });
  });

  it('what is ref’d keeps the process alive until it is closed', async () => {
    expect(await start('live while watching').end).toEqual({ how: 0, printed: 'closed' });
  });

  it('a worker without a gate loads nothing until it insists, then watches, and leaves open what it has made', async () => {
    const { how, printed } = await start('be a worker').end;
    expect(how).toBe(0);
    expect(printed.split('\n')).toEqual([
      'begin',
      'false this thread may be ended while it loads koffi',
      expect.stringMatching(/^ENOTSUP .*threads work without it/),
      'true null',
      'heard, and closed 2',
      'left behind: nothing',
    ]);
  });
});
