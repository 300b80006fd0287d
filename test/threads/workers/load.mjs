// SPDX-License-Identifier: MIT
/**
 * Scenes for kills.test.ts. The load does everything a member can do, at random, until it is killed. It checks what it sees: a
 * shared buffer holds the same number twice, changed under its lock only; a received frame is whole, or is known to be bad.
 */
import { DmaBufError } from 'dmabuf';
import { keep, play, say } from './actor.mjs';
import { choices } from './choices.mjs';

/** What may happen to a survivor when others die. */
const TOLERATED = new Set(['EOWNERDEAD', 'ETIMEDOUT', 'EPIPE', 'ECANCELED', 'ESTALE']);

/** Changes both halves of the pair; a holder that dies in between leaves them different, and is told as dead. */
function change({ pair }, lock) {
  if (lock.ownerDied) {
    pair[1] = pair[0];
    lock.markConsistent();
  }
  if (pair[0] !== pair[1]) throw new Error(`torn: ${pair[0]} and ${pair[1]}`);
  pair[0] += 1;
  pair[1] += 1;
}

class Load {
  constructor(domain, { seed, buffers }) {
    this.domain = domain;
    this.choose = choices(seed);
    this.shared = buffers.map((share) => {
      const buf = domain.openSync(share);
      const cpu = buf.cpuAccessSync('write');
      return { buf, cpu, pair: cpu.as(Int32Array, { length: 8 }) };
    });
    this.timeline = domain.timeline('load');
    this.lane = domain.channel('lane', { capacity: 4 });
    this.pool = domain.pool({ name: 'frames', count: 4, size: 4096 });
  }

  any() {
    return this.shared[this.choose(this.shared.length)];
  }

  /** Allocates, writes, frees. */
  alloc() {
    const buf = this.domain.alloc(1 + this.choose(5 * 4096));
    const cpu = buf.cpuAccessSync('write');
    if (cpu.bytes[0] !== 0) throw new Error('a fresh buffer is not zeroed');
    cpu.bytes[0] = 1;
    cpu.end();
    buf.close();
  }

  lockOne() {
    const shared = this.any();
    const lock = shared.buf.resv.lockSync({ recover: true });
    change(shared, lock);
    lock.unlock();
  }

  lockMany() {
    const some = [this.any(), this.any(), this.any()];
    const held = this.domain.lockAllSync(
      some.map(({ buf }) => buf),
      { recover: true },
    );
    for (const shared of new Set(some)) change(shared, held.of(shared.buf));
    held.unlock();
  }

  async lockAwaited() {
    const shared = this.any();
    const lock = await shared.buf.resv.lock({ recover: true });
    change(shared, lock);
    lock.unlock();
  }

  /** Promises to read, and keeps it; then waits for the promises of others. */
  fence() {
    const shared = this.any();
    const lock = shared.buf.resv.lockSync({ recover: true });
    change(shared, lock);
    const fence = this.timeline.next();
    lock.reserve(1);
    lock.add(fence, 'read');
    lock.unlock();
    this.timeline.signal(fence);
    shared.buf.resv.waitSync('read');
  }

  async fenceAwaited() {
    const shared = this.any();
    const lock = await shared.buf.resv.lock({ recover: true });
    change(shared, lock);
    const fence = this.timeline.next();
    lock.reserve(1);
    lock.add(fence, 'bookkeep');
    lock.unlock();
    await Promise.resolve();
    this.timeline.signal(fence);
    await shared.buf.resv.wait('bookkeep');
  }

  /** A frame out of the pool into the lane: main receives. */
  send() {
    const frame = this.pool.tryAcquire();
    if (frame === null) return;
    const cpu = frame.cpuAccessSync('write');
    const words = cpu.as(Int32Array);
    const value = this.choose(2 ** 30);
    words[0] = value;
    words[words.length - 1] = value;
    cpu.end();
    this.lane.trySend(frame, { tag: value, meta: { value } });
    frame.close();
  }

  receive() {
    const job = this.lane.tryReceive();
    if (job === null) return;
    const cpu = job.cpuAccessSync('read');
    const words = cpu.as(Int32Array);
    if (words[0] !== job.tag || words.at(-1) !== job.tag || job.meta.value !== job.tag) {
      throw new Error(`frame ${job.tag} is not whole`);
    }
    job.done();
  }

  async attach() {
    const { buf } = this.any();
    const attachment = await buf.attach('load');
    const mapping = await attachment.map('to-device');
    mapping.unmap();
    await attachment.detach();
  }

  share() {
    const { buf } = this.any();
    const share = buf.share();
    if (this.choose(2) === 0) this.domain.openSync(share).close();
    else buf.revoke(share);
  }
}

const STEPS = [
  'alloc',
  'lockOne',
  'lockMany',
  'lockAwaited',
  'fence',
  'fenceAwaited',
  'send',
  'receive',
  'attach',
  'share',
];

await play({
  /** Works until it is killed, and says when it has done so many steps. */
  async load(domain, data) {
    const load = keep(new Load(domain, data));
    for (let step = 0; ; step++) {
      if (step === data.steps) say('due');
      try {
        await load[STEPS[load.choose(STEPS.length)]]();
      } catch (error) {
        if (!DmaBufError.is(error) || !TOLERATED.has(error.code)) throw error;
      }
    }
  },
});
