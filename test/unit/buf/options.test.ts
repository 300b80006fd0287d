// SPDX-License-Identifier: MIT
/** What is said in options is looked at by every call that takes them, whether it comes to wait or not. */
import { describe, expect, it } from 'vitest';
import { importer } from './exporters.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

type Options = { readonly timeout?: number; readonly signal?: AbortSignal };

/** Every call on a quiet heap buffer that takes options: by its name, those that return promises and those that block. */
async function calls(rig: Rig) {
  const buf = rig.heap.alloc(8);
  const lock = await rig.heap.alloc(8).resv.lock();
  const att = await buf.attach('enc');
  const moving = rig.heap.alloc(8);
  const dynamic = await moving.dynamicAttach('gpu', importer());
  const shown = await moving.resv.lock();
  const wait: Readonly<Record<string, (options: Options) => Promise<unknown>>> = {
    'DmaBuf.setName': (options) => rig.heap.alloc(8).setName('x', options),
    'DmaBuf.cpuAccess': (options) => buf.cpuAccess('write', options),
    'DmaBuf.attach': (options) => buf.attach('enc', options),
    'DmaBuf.dynamicAttach': (options) => buf.dynamicAttach('gpu', importer(), options),
    'DmaBuf.readable': (options) => buf.readable(options),
    'DmaBuf.writable': (options) => buf.writable(options),
    'Attachment.map': (options) => att.map('to-device', options),
    'DynamicAttachment.map': (options) => dynamic.map(shown, 'to-device', options),
    'DynamicAttachment.pin': (options) => dynamic.pin(shown, options),
    'HeldLock.wait': (options) => lock.wait('bookkeep', options),
    'Reservation.lock': (options) => rig.heap.alloc(8).resv.lock(options),
    'Reservation.wait': (options) => buf.resv.wait('bookkeep', options),
  };
  const block: Readonly<Record<string, (options: Options) => unknown>> = {
    'DmaBuf.cpuAccessSync': (options) => buf.cpuAccessSync('write', options),
    'DmaBuf.attachSync': (options) => buf.attachSync('enc', options),
    'DmaBuf.dynamicAttachSync': (options) => buf.dynamicAttachSync('gpu', importer(), options),
    'Attachment.mapSync': (options) => att.mapSync('to-device', options),
    'DynamicAttachment.mapSync': (options) => dynamic.mapSync(shown, 'to-device', options),
    'Reservation.lockSync': (options) => rig.heap.alloc(8).resv.lockSync(options),
    'Reservation.waitSync': (options) => buf.resv.waitSync('bookkeep', options),
  };
  return { wait, block };
}

const WRONG = [null, 7, { timeout: Number.NaN }, { timeout: -1 }] as unknown as Options[];

describe('options of a call that need not wait', () => {
  it('are refused with EINVAL when they are wrong, in the name of the call', async () => {
    const { wait, block } = await calls(nth(rigs(1), 0));
    for (const options of WRONG) {
      for (const [op, call] of Object.entries(wait)) {
        expect(await rejected(call(options)), op).toMatchObject({ code: 'EINVAL', op });
      }
      for (const [op, call] of Object.entries(block)) {
        expect(
          thrown(() => call(options)),
          op,
        ).toMatchObject({ code: 'EINVAL', op });
      }
    }
  });

  it('end it when their signal is aborted, with the reason', async () => {
    const { wait } = await calls(nth(rigs(1), 0));
    const reason = new Error('not any more');
    const signal = AbortSignal.abort(reason);
    for (const [op, call] of Object.entries(wait)) {
      expect(await rejected(call({ signal, timeout: 0 })), op).toBe(reason);
    }
  });

  it('let it be done when they are right', async () => {
    const { wait, block } = await calls(nth(rigs(1), 0));
    const options = { timeout: 0, signal: new AbortController().signal };
    for (const [op, call] of Object.entries(wait)) {
      expect(await rejected(call(options)), op).toMatchObject({ message: 'it did not reject' });
    }
    for (const call of Object.values(block)) call({ timeout: 1 });
  });
});

describe('what is no object', () => {
  it('is no info of an exporter, and says nothing about a share or a device', () => {
    const { buffers, heap } = nth(rigs(1), 0);
    const buf = heap.alloc(8);
    const wrong = [
      () => buffers.exports.static(null as never),
      () => buffers.exports.dynamic(1 as never),
      () => buf.share(null as never),
    ];
    for (const call of wrong) expect(thrown(call).message).toMatch(/^EINVAL: .* must be an object/);
  });
});
