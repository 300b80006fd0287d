// SPDX-License-Identifier: MIT
// Every line after an @ts-expect-error must NOT compile; tsc fails if one does.
import {
  Channel,
  type DmaBuf,
  DmaBufError,
  Domain,
  type DynamicAttachment,
  Fence,
  type HeldLock,
  type ResvLock,
} from 'dmabuf';

declare const domain: Domain,
  buf: DmaBuf,
  other: DmaBuf,
  dyn: DynamicAttachment,
  lock: ResvLock,
  held: HeldLock,
  chan: Channel;

// W1 a dynamic attachment without the lock

await dyn.map('bidirectional');

await dyn.map(buf.resv.lock(), 'bidirectional');

await dyn.map(buf.resv.tryLock(), 'bidirectional');

await dyn.map(await domain.lockAll([buf]), 'bidirectional');

const fake: HeldLock = { resv: buf.resv, held: true };
// W2 fences without the lock: no such method on the reservation

buf.resv.reserve(1);

buf.resv.add(Fence.done, 'write');
// W3 containers do not go into a reservation

lock.add(Fence.all([]), 'write');

lock.add(Fence.merge(), 'write');

lock.add(Fence.done, 'kernel');
// W4 a callback's lock cannot be unlocked

held.unlock();

using stolen = held;
// W5 only the exporter moves

await buf.moveNotify(lock);
const fixedOps = { map: () => [], unmap() {}, release() {} };

await domain.export({ exporter: 's', size: 1, priv: 0, ops: fixedOps }).moveNotify(lock);
// W6 moveNotify must not wait

await buf.dynamicAttach('d', { async moveNotify() {} });

await buf.dynamicAttach('d');
// W7 forgotten await in front of using

using l = buf.resv.lock();

using m = (await buf.attach('d')).map('to-device');
// W8 wrong words

await (await buf.attach('d')).map('none');

await buf.cpuAccess('to-device');

await dyn.map(lock, 'read');
// W9 exporters
domain.dynamicExport({
  exporter: 'd',
  size: 1,
  priv: 0,

  ops: { map: () => [], unmap() {}, release() {} },
});
domain.dynamicExport({
  exporter: 'd',
  size: 1,
  priv: 0,

  ops: { cacheMapping: true, map: () => [], unmap() {}, pin() {}, unpin() {}, release() {} },
});

domain.export({ exporter: 'd', size: 1, priv: 0, ops: { map: () => [], unmap() {} } });
domain.export({
  exporter: 's',
  size: 1,
  priv: 0,

  ops: { map: (_a, _d, l: HeldLock) => [l as never], unmap() {}, release() {} },
});
// W10 abort for a blocking call

buf.resv.lockSync({ signal: new AbortController().signal });
// W11 constructing by hand, unknown codes

new Domain();

new Channel();

DmaBufError.is(0, 'EWHAT');
// W12 the platform refuses shared memory: already at compile time

const priv: Uint8Array<ArrayBuffer> = (await buf.cpuAccess('read')).bytes;

for (const job of chan) job;

await domain.spawn('x', { data: { buf } });
void [fake, stolen, l, m, priv, other];
