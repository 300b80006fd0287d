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
// @ts-expect-error lock missing
await dyn.map('bidirectional');
// @ts-expect-error the promise of a lock is not a lock
await dyn.map(buf.resv.lock(), 'bidirectional');
// @ts-expect-error a tryLock that may have failed
await dyn.map(buf.resv.tryLock(), 'bidirectional');
// @ts-expect-error a LockSet is not the lock of one buffer
await dyn.map(await domain.lockAll([buf]), 'bidirectional');
// @ts-expect-error a look-alike is no lock
const fake: HeldLock = { resv: buf.resv, held: true };
// W1 also where the mapping is kept, and no exporter is called: a heap buffer is static
const cached = await domain.alloc(1).dynamicAttach('d', { moveNotify() {} });
// @ts-expect-error lock missing
await cached.map('to-device');
// @ts-expect-error lock missing
cached.mapSync('to-device');
// @ts-expect-error lock missing
cached.tryMap('to-device');
// @ts-expect-error lock missing
cached.tryMap(lock, 'to-device')?.unmap();
// @ts-expect-error lock missing
await cached.pin();
// @ts-expect-error lock missing
(await cached.pin(lock)).unpin();
// @ts-expect-error a static importer has no lock to show
await (await buf.attach('d')).map(lock, 'to-device');
// @ts-expect-error a lock is not a dynamic importer
await buf.dynamicAttach('d', lock);
// W2 fences without the lock: no such method on the reservation
// @ts-expect-error reserve lives on the lock
buf.resv.reserve(1);
// @ts-expect-error add lives on the lock
buf.resv.add(Fence.done, 'write');
// W3 containers do not go into a reservation
// @ts-expect-error FenceSet is not a Fence
lock.add(Fence.all([]), 'write');
// @ts-expect-error merge may give a set
lock.add(Fence.merge(), 'write');
// @ts-expect-error KERNEL is for movers: addKernel
lock.add(Fence.done, 'kernel');
// W4 a callback's lock cannot be unlocked
// @ts-expect-error
held.unlock();
// @ts-expect-error
using stolen = held;
// W5 only the exporter moves
// @ts-expect-error
await buf.moveNotify(lock);
const fixedOps = { map: () => [], unmap() {}, release() {} };
// @ts-expect-error a static exporter's buffer does not move
await domain.export({ exporter: 's', size: 1, priv: 0, ops: fixedOps }).moveNotify(lock);
// W6 moveNotify must not wait
// @ts-expect-error async
await buf.dynamicAttach('d', { async moveNotify() {} });
// @ts-expect-error no importer callbacks
await buf.dynamicAttach('d');
// W7 forgotten await in front of using
// @ts-expect-error
using l = buf.resv.lock();
// @ts-expect-error
using m = (await buf.attach('d')).map('to-device');
// W8 wrong words
// @ts-expect-error
await (await buf.attach('d')).map('none');
// @ts-expect-error
await buf.cpuAccess('to-device');
// @ts-expect-error direction, not intent
await dyn.map(lock, 'read');
// W9 exporters
domain.dynamicExport({
  exporter: 'd',
  size: 1,
  priv: 0,
  // @ts-expect-error dynamic without pin/unpin
  ops: { map: () => [], unmap() {}, release() {} },
});
domain.dynamicExport({
  exporter: 'd',
  size: 1,
  priv: 0,
  // @ts-expect-error cacheMapping together with dynamic
  ops: { cacheMapping: true, map: () => [], unmap() {}, pin() {}, unpin() {}, release() {} },
});
// @ts-expect-error without release
domain.export({ exporter: 'd', size: 1, priv: 0, ops: { map: () => [], unmap() {} } });
domain.export({
  exporter: 's',
  size: 1,
  priv: 0,
  // @ts-expect-error a static exporter's map gets no lock
  ops: { map: (_a, _d, l: HeldLock) => [l as never], unmap() {}, release() {} },
});
// W10 abort for a blocking call
// @ts-expect-error nothing can abort a blocked thread
buf.resv.lockSync({ signal: new AbortController().signal });
// W11 constructing by hand, unknown codes
// @ts-expect-error
new Domain();
// @ts-expect-error
new Channel();
// @ts-expect-error EWHAT
DmaBufError.is(0, 'EWHAT');
// W12 the platform refuses shared memory: already at compile time
// @ts-expect-error Uint8Array<ArrayBufferLike>
const priv: Uint8Array<ArrayBuffer> = (await buf.cpuAccess('read')).bytes;
// @ts-expect-error for await over the sync protocol
for (const job of chan) job;
// @ts-expect-error an object with methods is not data
await domain.spawn('x', { data: { buf } });
void [fake, stolen, l, m, priv, other];
