// SPDX-License-Identifier: MIT
/** What IGT's prime_self_import says of handles and buffers of one device, under its names. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Domain } from '../../src/index.js';
import { HOSTED } from '../threads/support/host.js';
import { nth, rejected, rigs } from '../unit/buf/rig.js';
import { explore } from '../unit/prime/explore.js';
import { exportAndClose, exportFromTwo, reimportAndClose } from '../unit/prime/scenes.js';
import { peek, poke, type Vgem, vgem } from '../unit/prime/vgem.js';

let domain: Domain;
let card: Vgem;
beforeEach(async () => {
  domain = await Domain.create(HOSTED);
  card = vgem(domain, domain);
});
afterEach(() => domain.close());

type Client = ReturnType<Vgem['device']['open']>;

/** The object behind a handle has this content. */
async function holds(client: Client, handle: number, value: number): Promise<void> {
  expect(await peek(client.lookup(handle))).toBe(value);
}

/** Both handles are one memory: what is written by the one is read by the other. */
async function share(one: [Client, number], other: [Client, number], value: number): Promise<void> {
  await poke(one[0].lookup(one[1]), value);
  await holds(other[0], other[1], value);
}

/** Nothing is left of what was made. */
async function empty(): Promise<void> {
  await domain.idle();
  expect(card.bos.size).toBe(0);
  card.device.close();
}

describe('prime_self_import', () => {
  test('with_one_bo: one buffer has one handle in each client, and lives as long as any', async () => {
    const [one, other] = [card.device.open(), card.device.open()];
    const handle = await one.createHandle(card.create());
    const buf = await one.handleToBuf(handle);
    const imported = await other.bufToHandle(buf);
    await share([one, handle], [other, imported], 1);
    expect(await other.bufToHandle(buf)).toBe(imported);
    expect(await one.bufToHandle(buf)).toBe(handle);
    buf.close();
    await share([other, imported], [one, handle], 2);
    await one.closeHandle(handle);
    await holds(other, imported, 2);
    const again = await other.handleToBuf(imported);
    const back = await one.bufToHandle(again);
    again.close();
    await share([other, imported], [one, back], 3);
    await one.close();
    await holds(other, imported, 3);
    await other.close();
    await empty();
  });

  test('with_one_bo_two_files: an object that was opened by its name keeps that handle when its buffer comes', async () => {
    const [one, other] = [card.device.open(), card.device.open()];
    const bo = card.create();
    const first = await one.handleToBuf(await one.createHandle(bo));
    const opened = await other.createHandle(bo);
    const second = await other.handleToBuf(opened);
    expect(second.id).toBe(first.id);
    expect(await other.bufToHandle(second)).toBe(opened);
    for (const end of [first, second]) end.close();
    await Promise.all([one.close(), other.close()]);
    await empty();
  });

  test('with_two_bos: the first object goes, the second one comes, and they are not mixed up', async () => {
    const [one, other] = [card.device.open(), card.device.open()];
    const first = await one.createHandle(card.create());
    const buf = await one.handleToBuf(first);
    const imported = await other.bufToHandle(buf);
    buf.close();
    await poke(one.lookup(first), 1);
    await one.closeHandle(first);
    const second = await one.createHandle(card.create());
    expect(second).toBe(first);
    await poke(one.lookup(second), 2);
    const secondBuf = await one.handleToBuf(second);
    const secondImported = await other.bufToHandle(secondBuf);
    secondBuf.close();
    expect(secondImported).not.toBe(imported);
    await holds(other, imported, 1);
    await holds(other, secondImported, 2);
    await Promise.all([one.close(), other.close()]);
    await empty();
  });

  test('with_fd_dup: a second reference imports after the first one and the handle have gone', async () => {
    const [one, other] = [card.device.open(), card.device.open()];
    const handle = await one.createHandle(card.create());
    await poke(one.lookup(handle), 5);
    const buf = await one.handleToBuf(handle);
    const dup = buf.dup();
    buf.close();
    await one.closeHandle(handle);
    const imported = await other.bufToHandle(dup);
    dup.close();
    await holds(other, imported, 5);
    await Promise.all([one.close(), other.close()]);
    await empty();
  });

  test('export-vs-gem_close-race: in every order, and in a loop; no object is left', async () => {
    const rig = nth(rigs(1), 0);
    for (const scene of [exportAndClose, exportFromTwo])
      expect((await explore(() => scene(rig), 0)).found).toBeNull();
    const client = card.device.open();
    for (let round = 0; round < 300; round++) {
      const handle = await client.createHandle(card.create());
      const first = round % 2 === 0 ? client.closeHandle(handle) : null;
      const exporting = client.handleToBuf(handle);
      const closing = first ?? client.closeHandle(handle);
      if (first === null) (await exporting).close();
      else expect((await rejected(exporting)).code).toBe('ENOENT');
      await closing;
    }
    await client.close();
    await empty();
  });

  test('reimport-vs-gem_close-race: in every order, and in a loop; no object is left', async () => {
    const rig = nth(rigs(1), 0);
    expect((await explore(() => reimportAndClose(rig), 0)).found).toBeNull();
    const [one, other] = [card.device.open(), card.device.open()];
    const buf = await one.handleToBuf(await one.createHandle(card.create()));
    const importAndClose = async (): Promise<string> => {
      const handle = await other.bufToHandle(buf);
      return other.closeHandle(handle).then(
        () => 'closed',
        (error: { code: string }) => error.code,
      );
    };
    for (let round = 0; round < 300; round++) {
      const ends = await Promise.all([importAndClose(), importAndClose()]);
      // Both were given the same handle: one closes it, the other one comes too late.
      expect(ends.toSorted()).toEqual(['EINVAL', 'closed']);
    }
    expect(other.handles).toEqual([]);
    buf.close();
    await Promise.all([one.close(), other.close()]);
    await empty();
  });
});
