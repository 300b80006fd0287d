// SPDX-License-Identifier: MIT
/** Bells, and who hears them. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { closeDescriptor, duplicate } from '../../../../src/host/linux/descriptors.js';
import {
  checkEvent,
  createEvent,
  drainEvent,
  ringEvent,
} from '../../../../src/host/linux/event-descriptor.js';
import { EventWatch } from '../../../../src/host/linux/event-watch.js';
import { createMemoryFile } from '../../../../src/host/linux/memory-file.js';
import { later, leavesNoDescriptor, own, refused, start, turn, until } from './rig.js';

leavesNoDescriptor();

/** More than any pipe holds. */
const MANY = 100_000;

describe('an event descriptor', () => {
  it('has been rung or not, however often', () => {
    const event = own(createEvent());
    expect(drainEvent(event)).toBe(false);
    for (const rings of [1, 2, 4096, 4097]) {
      for (let n = 0; n < rings; n++) ringEvent(event);
      expect(drainEvent(event)).toBe(true);
      expect(drainEvent(event)).toBe(false);
    }
  });

  it('can be rung by any copy of it, without end, and nobody blocks', () => {
    const event = own(createEvent());
    const copy = own(duplicate(event));
    for (let n = 0; n < MANY; n++) ringEvent(copy);
    expect(drainEvent(event)).toBe(true);
    expect(drainEvent(copy)).toBe(false);
  });

  it('that is closed is rung in silence', () => {
    const event = createEvent();
    closeDescriptor(event);
    ringEvent(event);
    expect(drainEvent(event)).toBe(false);
  });
});

describe('a descriptor that came from elsewhere', () => {
  const check = (fd: number): void => checkEvent('test', fd);

  it('is taken when it is an event descriptor', () => {
    const event = own(createEvent());
    check(event);
    check(own(duplicate(event)));
  });

  it('that is none, that might block, or that cannot be rung is EPROTO', () => {
    const reopen = (flags: number): number => {
      const fd = openSync(`/proc/self/fd/${event}`, flags);
      later(() => closeSync(fd));
      return fd;
    };
    const event = own(createEvent());
    check(reopen(constants.O_RDWR | constants.O_NONBLOCK));
    expect(() => check(own(createMemoryFile('x', 0)))).toThrow(refused('EPROTO', 'no pipe'));
    expect(() => check(9999)).toThrow(refused('EPROTO', 'no pipe'));
    expect(() => check(reopen(constants.O_RDWR))).toThrow(refused('EPROTO', 'block'));
    for (const flags of [constants.O_RDONLY, constants.O_WRONLY]) {
      const half = reopen(flags | constants.O_NONBLOCK);
      expect(() => check(half)).toThrow(refused('EPROTO', 'both'));
    }
  });
});

describe('watching', () => {
  it('calls once for many rings, drained, and again for the next ones', async () => {
    const event = own(createEvent());
    let calls = 0;
    let rung = true;
    const watch = new EventWatch(event, () => {
      calls++;
      rung = drainEvent(event);
    });
    later(() => watch.close());
    for (let n = 0; n < 1000; n++) ringEvent(event);
    await until(() => calls > 0);
    for (let n = 0; n < 10; n++) await turn();
    expect([calls, rung]).toEqual([1, false]);
    ringEvent(event);
    await until(() => calls > 1);
  });

  it('what was rung before is heard, too', async () => {
    const event = own(createEvent());
    ringEvent(event);
    let calls = 0;
    const watch = new EventWatch(event, () => calls++);
    later(() => watch.close());
    await until(() => calls > 0);
  });

  it('by several, each ring is heard by at least one', async () => {
    const event = own(createEvent());
    let calls = 0;
    const watches = Array.from({ length: 3 }, () => new EventWatch(event, () => calls++));
    later(() => {
      for (const watch of watches) watch.close();
    });
    for (let n = 0; n < 50; n++) {
      const before = calls;
      ringEvent(event);
      await until(() => calls > before);
    }
  });

  it('ends at close, in the callback, too, and a second close does nothing', async () => {
    const event = own(createEvent());
    let calls = 0;
    const watch = new EventWatch(event, () => {
      calls++;
      watch.close();
    });
    ringEvent(event);
    await until(() => calls > 0);
    watch.close();
    watch.ref();
    watch.unref();
    ringEvent(event);
    for (let n = 0; n < 10; n++) await turn();
    expect(calls).toBe(1);
    expect(drainEvent(event)).toBe(true);
  });

  it('closing leaves the number to whoever opens next', () => {
    const event = own(createEvent());
    const watch = new EventWatch(event, () => {});
    watch.close();
    const file = own(createMemoryFile('x', 8));
    watch.close();
    expect(writeSync(file, 'here')).toBe(4);
  });

  it('what is not open is EBADF', () => {
    expect(() => new EventWatch(9999, () => {})).toThrow(refused('EBADF'));
  });

  it('threads that are ended while their bells are rung leave the process alone', async () => {
    expect(await start('end threads').end).toEqual({ how: 0, printed: '' });
  });
});
