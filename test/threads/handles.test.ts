// SPDX-License-Identifier: MIT
/** Handles belong to one thread: posting one throws, and says what to do instead. What may be posted arrives whole. */
import { once } from 'node:events';
import { inspect } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import { Channel, type Domain, Fence, type FenceName, type Share } from 'dmabuf';
import { PrimeDevice, SyncobjClient } from 'dmabuf/prime';
import { expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { withDomain } from './support/with-domain.js';

interface Handle {
  readonly of: string;
  readonly handle: object;
}

/** One object of each class. `end` closes them, last first. */
async function oneOfEach(domain: Domain): Promise<{ handles: Handle[]; end: () => void }> {
  const stack: (() => void)[] = [];
  const handles: Handle[] = [];
  const keep = <T extends object>(of: string, handle: T, end?: (handle: T) => void): T => {
    handles.push({ of, handle });
    if (end !== undefined) stack.push(() => end(handle));
    return handle;
  };
  keep('Domain', domain);
  const buf = keep('DmaBuf', domain.alloc(4096), (one) => one.close());
  keep('Reservation', buf.resv);
  keep('Reservation', domain.reservation());
  const timeline = keep('Timeline', domain.timeline('t'), (one) => one.close());
  const fence = keep('Fence', timeline.next());
  keep('Fence', Fence.done);
  keep('FenceSet', Fence.all([fence, timeline.next()]));
  keep('CpuAccess', await buf.cpuAccess('write'), (one) => one.end());
  const attachment = keep('Attachment', await buf.attach('screen'), (one) => void one.detach());
  keep('Mapping', await attachment.map('to-device'), (one) => one.unmap());
  const added = { name: 'h', allocate: (size: number) => domain.alloc(size) };
  keep('AddedHeap', domain.addHeap(added), (one) => one.close());
  keep('Pool', domain.pool({ name: 'p', count: 1, size: 4096 }), (one) => one.close());
  const lane = keep('Channel', domain.channel('c'), (one) => one.close());
  await Channel.submit([lane], buf, 'read');
  keep('Delivery', await lane.receive(), (one) => one.done());
  const home = domain.alloc(4096);
  const info = { exporter: 'test', size: 4096, priv: home };
  const map = () => [{ of: home, offset: 0, length: 4096 }];
  const ops = { map, unmap() {}, release: () => home.close() };
  const moving = domain.dynamicExport({ ...info, ops: { ...ops, pin() {}, unpin() {} } });
  keep('DynamicExportedBuf', moving, (one) => one.close());
  const importer = { moveNotify: () => undefined };
  const dynamic = await moving.dynamicAttach('gpu', importer);
  keep('DynamicAttachment', dynamic, (one) => void one.detach());
  const lock = keep('ResvLock', await moving.resv.lock());
  const view = keep('DynamicMapping', await dynamic.map(lock, 'to-device'));
  const pin = keep('Pin', await dynamic.pin(lock));
  pin.unpin(lock);
  view.unmap(lock);
  lock.unlock();
  keep('LockSet', await domain.lockAll([buf]), (one) => one.unlock());
  keep('AcquireContext', domain.acquireContext(), (one) => one[Symbol.dispose]());
  const card = keep('PrimeDevice', new PrimeDevice(domain, { name: 'card', free() {} }));
  keep('PrimeClient', card.open(), (one) => void one.close());
  const objects = keep('SyncobjClient', new SyncobjClient(domain), (one) => one.close());
  keep('SyncobjFd', objects.handleToFd(objects.create()), (one) => one.close());
  const actor = await Actor.start(domain, 'members.mjs', 'live');
  keep('Member', actor.member);
  await actor.member.kill();
  const end = (): void => {
    for (const close of stack.toReversed()) close();
  };
  return { handles, end };
}

test('a handle of any class refuses to be posted, and says what to do', () =>
  withDomain({}, async (domain) => {
    const { port1, port2 } = new MessageChannel();
    const { handles, end } = await oneOfEach(domain);
    for (const { of, handle } of handles) {
      for (const message of [handle, { nested: [handle] }]) {
        const post = (): void => port1.postMessage(message);
        expect(post, of).toThrow(expect.objectContaining({ name: 'DataCloneError' }));
        expect(post, of).toThrow(/cannot be posted: \w+/);
      }
      expect(() => structuredClone(handle), of).toThrow(/cannot be posted/);
    }
    expect(new Set(handles.map(({ of }) => of)).size).toBe(25);
    port1.close();
    port2.close();
    end();
  }));

test('a share, a fence name and the domain handle are posted, and work on the other side', () =>
  withDomain({}, async (domain) => {
    const { port1, port2 } = new MessageChannel();
    using buf = domain.alloc(4096);
    using timeline = domain.timeline('t');
    const fence = timeline.next();
    port1.postMessage({ share: buf.share(), name: fence.toJSON(), handle: domain.handle });
    const [message] = (await once(port2, 'message')) as [
      { share: Share; name: FenceName; handle: typeof domain.handle },
    ];
    using same = await domain.open(message.share);
    expect(same.id).toBe(buf.id);
    expect(message.handle.arena.byteLength).toBe(domain.handle.arena.byteLength);
    const again = Fence.from(domain, message.name);
    timeline.signal(fence);
    await again.wait();
    const json = JSON.parse(JSON.stringify(buf.share())) as Share;
    (await domain.open(json)).close();
    port1.close();
    port2.close();
  }));

test('a handle shows what it is when it is printed or made JSON, and none of its insides', () =>
  withDomain({}, async (domain) => {
    const { handles, end } = await oneOfEach(domain);
    for (const { of, handle } of handles) {
      expect(inspect(handle, { depth: 3 }), of).not.toMatch(/Int32Array|Arena|Agent/);
      // Looked at first: to print the tables of a domain as JSON takes minutes.
      expect(wayToMemory(handle, of)).toBe(null);
      expect(() => JSON.stringify(handle), of).not.toThrow();
    }
    end();
  }));

/** Over which properties one can come to shared memory, but for the handle of a domain; null = none. */
function wayToMemory(value: unknown, path: string, seen = new Set<unknown>()): string | null {
  if (typeof value !== 'object' || value === null || seen.has(value)) return null;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return path;
  if (value instanceof SharedArrayBuffer) return path.startsWith('Domain.handle.') ? null : path;
  const { toJSON } = value as { toJSON?: () => object };
  const json = toJSON === undefined ? value : toJSON.call(value);
  for (const [key, inner] of Object.entries(json)) {
    const found = wayToMemory(inner, `${path}.${key}`, seen);
    if (found !== null) return found;
  }
  return null;
}
