// SPDX-License-Identifier: MIT
// Control cases: all of this must compile.
import {
  type AnyFence,
  type DmaBuf,
  DmaBufError,
  Domain,
  type DynamicAttachment,
  Fence,
  type HeldLock,
  type ResvLock,
  type Share,
} from 'dmabuf';
import { DRM_RDWR, type PrimeClient, PrimeDevice, type PrimeDriver } from 'dmabuf/prime';

declare const domain: Domain, a: DmaBuf, b: DmaBuf, dyn: DynamicAttachment;

{
  using lock = await a.resv.lock({ timeout: 5 });
  using view = await dyn.map(lock, 'bidirectional');
  view.bytes[0] = 1;
  await lock.wait('bookkeep');
}
{
  using maybe = a.resv.tryLock();
  if (maybe) dyn.tryMap(maybe, 'to-device')?.unmap(maybe);
} // `using` of null is fine
{
  await using cached = await domain.alloc(1).dynamicAttach('d', { moveNotify() {} });
  using lock = cached.buf.resv.lockSync();
  cached.mapSync(lock, 'to-device').unmap(lock);
  using pin = await cached.pin(lock);
  pin.unpin(lock);
} // the same words where the mapping is kept
{
  const home = domain.alloc(1);
  using moving = domain.dynamicExport({
    exporter: 'd',
    size: 1,
    priv: { home },
    ops: {
      async map({ buf: { priv } }, _direction, lock) {
        lock.reserve(1);
        await lock.wait('kernel');
        return [{ of: priv.home, offset: 0, length: 1 }];
      },
      unmap: (_att, [first], _direction, lock: HeldLock) => void [first?.of, lock.held],
      pin() {},
      unpin() {},
      release: (priv) => priv.home.close(),
    },
  });
  using lock = await moving.resv.lock();
  await moving.moveNotify(lock);
}
{
  using held = await domain.lockAll([a, b]);
  const [la, lb] = held.locks;
  la.reserve(1);
  lb.reserve(1);
  const one: ResvLock = held.of(a);
  void one;
}
{
  const many: DmaBuf[] = [a, b];
  using held = await domain.lockAll(many);
  for (const l of held) l.reserve(1);
}
{
  using lock = a.resv.lockSync();
  const witness: HeldLock = lock;
  witness.reserve(1);
}
{
  await using att = await a.attach('x');
  using map = att.mapSync('to-device');
  const mine: Uint8Array<ArrayBuffer> = map.copyOut();
  await crypto.subtle.digest('SHA-256', mine);
}
{
  const s: Share = JSON.parse(JSON.stringify(a.share())) as Share;
  using again = await domain.open(s);
  void again;
}
{
  const f = async (): Promise<Fence> => domain.timeline('t').next();
  const fence: Fence = await f();
  await fence.wait();
} // not a thenable
{
  const f: AnyFence = Fence.merge(Fence.done, Fence.all([Fence.done]));
  f.onSignal((e) => {
    console.log(e);
  });
}
{
  await a.dynamicAttach('d', { moveNotify() {} });
  await a.dynamicAttach('d', {
    moveNotify: (att) => {
      console.log(att.generation);
    },
  });
}
{
  const e: unknown = 0;
  if (DmaBufError.is(e, 'EDEADLK')) {
    const c: 'EDEADLK' = e.code;
    void c;
  }
  if (DmaBufError.is(e) && e.code === 'ESTALE') e.at;
}
{
  using ctx = domain.acquireContext();
  for (let slow: DmaBuf | null = null; ; ) {
    try {
      // the ww dance by hand
      using s = slow ? await slow.resv.lockSlow(ctx) : null;
      using x = s && slow === a ? null : await a.resv.lock({ context: ctx }),
        y = s && slow === b ? null : await b.resv.lock({ context: ctx });
      ctx.done();
      void [x, y];
      break;
    } catch (e) {
      if (!DmaBufError.is(e, 'EDEADLK')) throw e;
      slow = e.at['buffer'] === a.id ? a : b;
    }
  }
}
{
  using cpu = await a.cpuAccess('read-write');
  const t: Float32Array = cpu.as(Float32Array);
  const q = cpu.as(BigInt64Array, { offset: 8, length: 16 });
  t[0] = Number(q[0]);
}
{
  interface Frame {
    readonly memory: DmaBuf;
  }
  const driver: PrimeDriver<Frame> = {
    name: 'camera',
    export: (frame) => ({
      size: frame.memory.size,
      ops: { map: () => [{ of: frame.memory, offset: 0, length: frame.memory.size }], unmap() {} },
    }),
    import: async ({ mapping, attachment, resv }) => {
      await resv.wait('write', { timeout: mapping.bytes.length });
      return { memory: attachment.buf };
    },
    free: (frame) => frame.memory.close(),
  };
  await using client: PrimeClient<Frame> = new PrimeDevice(domain, driver).open();
  const handle: number = await client.createHandle({ memory: domain.alloc(4096) });
  using buf: DmaBuf = await client.handleToBuf(handle, DRM_RDWR, { timeout: 100 });
  await client.closeHandle(await client.bufToHandle(buf), { timeout: 100 });
}
// Compiles, and is wrong: run time only.
{
  using l = await b.resv.lock();
  await dyn.map(l, 'to-device');
} // R1 ENOLCK: lock of another reservation
{
  const l = await a.resv.lock();
  l.unlock();
  await dyn.map(l, 'to-device');
} // R2 ENOLCK: released
{
  const v = await a.cpuAccess('read');
  v.end();
  v.bytes;
} // R3 ESTALE
{
  const f = () => {
    using c = a.dup();
    return c.attach('x');
  };
  await f();
} // R4 return without await: ESTALE in the callee (lint: return-await)
{
  const leaked = await a.resv.lock();
  void leaked;
} // R5 never unlocked: `leak` / `stall` event
