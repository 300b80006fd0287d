// SPDX-License-Identifier: MIT
/** Memory files of single buffers, which the broker holds for all members. */
import { fstatSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fetchWithin } from '../../../../src/host/broker/fetch-within.js';
import type { MemoryFile } from '../../../../src/host/broker/memory-files.js';
import { createMemoryFile } from '../../../../src/host/linux/memory-file.js';
import { ARENA, Guest, type Rig, rigs, serve, start, turn, until } from './rig.js';

const rig = rigs();
const key = { row: 5, generation: 3 };

/** Whether it is that memory; it is closed at the end. */
function same(at: Rig, got: MemoryFile, file: MemoryFile): boolean {
  at.own(got.descriptor);
  const is = fstatSync(got.descriptor).ino === fstatSync(file.descriptor).ino;
  return is && got.bytes === file.bytes && got.descriptor !== file.descriptor;
}

describe('memory that a member publishes', () => {
  it('is there for every other member until somebody withdraws it', async () => {
    serve(rig());
    const [first, second] = [await Guest.join(rig()), await Guest.join(rig())];
    const file = rig().memory(ARENA);
    await first.client.publish(key, file);
    expect(same(rig(), await second.client.fetch(key), file)).toBe(true);
    expect(same(rig(), await first.client.fetch(key), file)).toBe(true);
    second.client.withdraw(key);
    await expect(second.client.fetch(key)).rejects.toMatchObject({ code: 'ENOENT' });
    await first.client.publish(key, file);
  });

  it('is another one for another generation of the row', async () => {
    serve(rig());
    const guest = await Guest.join(rig());
    await guest.client.publish(key, rig().memory(ARENA));
    const later = guest.client.fetch({ ...key, generation: 4 });
    await expect(later).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is found by who hears of it before the broker has', async () => {
    const host = serve(rig());
    const [first, second] = [await Guest.join(rig()), await Guest.join(rig())];
    const file = rig().memory(ARENA);
    // Both are sent before the broker reads either, and it reads the second member first or second, as it likes.
    for (let row = 0; row < 8; row++) {
      const [writer, reader] = row % 2 === 0 ? [first, second] : [second, first];
      const published = writer.client.publish({ row, generation: 1 }, file);
      expect(same(rig(), await reader.client.fetch({ row, generation: 1 }), file)).toBe(true);
      await published;
    }
    expect(host.refused).toEqual([]);
  });

  it('is found though its publisher has said much before, and the broker is late', async () => {
    serve(rig());
    const [first, second] = [await Guest.join(rig()), await Guest.join(rig())];
    const file = rig().memory(ARENA);
    // More than is read of one member in a turn.
    for (let n = 0; n < 150; n++) first.client.withdraw(key);
    const published = first.client.publish(key, file);
    expect(same(rig(), await second.client.fetch(key), file)).toBe(true);
    await published;
  });

  it('goes when its publisher has gone, and not when it is merely cut off', async () => {
    const host = serve(rig());
    const [first, second] = [await Guest.join(rig()), await Guest.join(rig())];
    const file = rig().memory(ARENA);
    await first.client.publish(key, file);
    const third = await Guest.join(rig());
    await third.client.publish({ row: 6, generation: 1 }, file);
    third.client.close();
    first.client.bye();
    await until(() => host.gone.length === 1 && host.server.peers === 1);
    await expect(second.client.fetch(key)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(same(rig(), await second.client.fetch({ row: 6, generation: 1 }), file)).toBe(true);
  });

  it('cannot be published twice, and the first stays', async () => {
    serve(rig());
    const guest = await Guest.join(rig());
    const file = rig().memory(ARENA);
    await guest.client.publish(key, file);
    const again = guest.client.publish(key, rig().memory(ARENA));
    await expect(again).rejects.toMatchObject({ code: 'EEXIST' });
    expect(same(rig(), await guest.client.fetch(key), file)).toBe(true);
  });

  it.each([
    ['without seals', (): number => createMemoryFile('dmabuf-test', ARENA, { forReaders: true })],
    ['of another size', (): number => createMemoryFile('dmabuf-test', 2 * ARENA)],
  ])('%s cuts its publisher off', async (_, make) => {
    const host = serve(rig());
    const guest = await Guest.join(rig());
    const wrong = guest.client.publish(key, { descriptor: rig().own(make()), bytes: ARENA });
    await expect(wrong).rejects.toMatchObject({ code: 'EPIPE' });
    expect(host.refused).toEqual([expect.stringContaining('EPROTO')]);
    expect(guest.closed).toMatchObject([{ code: 'EPROTO' }]);
    expect(host.gone).toEqual([]);
  });
});

describe('the broker itself', () => {
  it('publishes and fetches as its members do', async () => {
    const host = serve(rig());
    const guest = await Guest.join(rig());
    const [ours, theirs] = [rig().memory(ARENA), rig().memory(ARENA)];
    host.server.memory.publish(key, ours);
    expect(same(rig(), await guest.client.fetch(key), ours)).toBe(true);
    expect(() => host.server.memory.publish(key, ours)).toThrow(
      expect.objectContaining({ code: 'EEXIST' }),
    );
    // Not read yet, but sent.
    const published = guest.client.publish({ row: 6, generation: 1 }, theirs);
    const got = host.server.memory.fetch({ row: 6, generation: 1 });
    expect(same(rig(), got, theirs)).toBe(true);
    await published;
    host.server.memory.withdraw(key);
    expect(() => host.server.memory.fetch(key)).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});

describe('a fetch that waits', () => {
  it('ends in time, and what comes later is closed', async () => {
    const host = serve(rig());
    const guest = await Guest.join(rig());
    host.server.memory.publish(key, rig().memory(ARENA));
    const controller = new AbortController();
    const given = guest.client.fetch(key, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    host.server.seed([]);
    const missing = guest.client.fetch({ row: 8, generation: 1 }, { timeout: 1 });
    await expect(missing).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    rig().own((await guest.client.fetch(key)).descriptor);
  });

  it('ends when the broker ends', async () => {
    const host = serve(rig());
    const guest = await Guest.join(rig());
    const waits = guest.client.fetch(key);
    host.server.close();
    await expect(waits).rejects.toMatchObject({ code: 'EPIPE' });
    expect(guest.closed).toEqual([null]);
    await expect(guest.client.fetch(key)).rejects.toMatchObject({ code: 'EPIPE' });
  });
});

/** Another process, with the broker's socket, asks and blocks. */
async function childFetches(at: Rig, how: 'member' | 'cut' | 'stranger'): Promise<unknown> {
  return (await start(at, 'fetcher.mjs', [at.path, how])).first;
}

describe('a thread that blocks', () => {
  it('gets the memory by a connection of its own, if its process is a member', async () => {
    const host = serve(rig());
    const file = rig().memory(ARENA);
    host.server.memory.publish(key, file);
    expect(await childFetches(rig(), 'member')).toEqual({
      bytes: ARENA,
      ino: fstatSync(file.descriptor).ino,
    });
  });

  it('gets it also while its process has to look for the broker again', async () => {
    const host = serve(rig());
    host.server.memory.publish(key, rig().memory(ARENA));
    expect(await childFetches(rig(), 'cut')).toMatchObject({ bytes: ARENA });
  });

  it('gets nothing if its process is none', async () => {
    const host = serve(rig());
    host.server.memory.publish(key, rig().memory(ARENA));
    expect(await childFetches(rig(), 'stranger')).toEqual({ code: 'EACCES' });
  });

  it('waits for a broker in vain for as long as it says', () => {
    expect(() => fetchWithin(rig().path, key, 0)).toThrow(
      expect.objectContaining({ code: 'ETIMEDOUT' }),
    );
  });
});

it('members publish again after a succession: until then a fetch waits', async () => {
  const host = serve(rig());
  const guest = await Guest.join(rig());
  host.server.seed([]);
  const file = rig().memory(ARENA);
  const fetched = rest(guest.client.fetch(key));
  const lost = rest(guest.client.fetch({ row: 8, generation: 1 }));
  for (let ms = 0; ms < 1900; ms++) await lapse();
  expect([fetched.over, lost.over]).toEqual([false, false]);
  host.server.memory.publish(key, file);
  while (!fetched.over) await lapse();
  expect(same(rig(), await fetched.promise, file)).toBe(true);
  while (!lost.over) await lapse();
  await expect(lost.promise).rejects.toMatchObject({ code: 'ENOENT' });
});

/** A millisecond of the broker's. */
async function lapse(): Promise<void> {
  rig().clock.pass(1);
  await turn();
}

function rest<T>(promise: Promise<T>): { readonly promise: Promise<T>; over: boolean } {
  const watched = { promise, over: false };
  const end = (): void => {
    watched.over = true;
  };
  promise.then(end, end);
  return watched;
}
