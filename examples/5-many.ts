// SPDX-License-Identifier: MIT
// 5. One job over several buffers: lock all in any order, no deadlock; others order themselves after our fence.
import { type DmaBuf, Domain, Fence, type Share } from 'dmabuf';
import { mix } from './helpers.js';

await using domain = await Domain.join();
using timeline = domain.timeline('mixer');
const data = domain.data as unknown as { a: Share; b: Share; out: Share };
using voice = await domain.open(data.a);
using music = await domain.open(data.b);
using sum = await domain.open(data.out);

let last: Fence = Fence.done;
for (let n = 0; n < 10; n++) last = await mixInto(voice, music, sum, AbortSignal.timeout(10_000));
await last.wait();

async function mixInto(a: DmaBuf, b: DmaBuf, out: DmaBuf, signal: AbortSignal): Promise<Fence> {
  using held = await domain.lockAll([a, b, out], { fences: 1, signal });
  const [lockA, lockB, lockOut] = held.locks;
  const before = Fence.merge(
    a.resv.singleton('write'),
    b.resv.singleton('write'),
    out.resv.singleton('read'),
  );
  const done = timeline.next();
  lockA.add(done, 'read');
  lockB.add(done, 'read');
  lockOut.add(done, 'write');
  void run(before, done, a.dup(), b.dup(), out.dup()); // dup: these references outlive our caller's `using`
  return done;
}

async function run(
  before: { wait(): Promise<void> },
  done: Fence,
  ...bufs: [DmaBuf, DmaBuf, DmaBuf]
): Promise<void> {
  using a = bufs[0];
  using b = bufs[1];
  using out = bufs[2];
  try {
    await before.wait();
    using attA = await a.attach('mixer');
    using attB = await b.attach('mixer');
    using attOut = await out.attach('mixer');
    using from = await attA.map('to-device');
    using and = await attB.map('to-device');
    using to = await attOut.map('from-device');
    mix(from.bytes, and.bytes, to.bytes);
    timeline.signal(done);
  } catch {
    timeline.fail(done, 'EIO');
  }
}
