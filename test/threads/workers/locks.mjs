// SPDX-License-Identifier: MIT
/** Scenes for locks.test.ts and ww-stress.test.ts: the same plain memory, changed under locks only. */
import { DmaBufError } from 'dmabuf';
import { hear, play, say } from './actor.mjs';
import { choices, shuffled } from './choices.mjs';

/** How many words of a buffer are changed together: long enough to be preempted within. */
const WORDS = 1024;

function open(domain, { buffers }) {
  return buffers.map((share) => {
    const buf = domain.openSync(share);
    const cpu = buf.cpuAccessSync('write');
    return { buf, cpu, words: cpu.as(Int32Array, { length: 4 * WORDS }) };
  });
}

function close(all) {
  for (const { buf, cpu } of all) {
    cpu.end();
    buf.close();
  }
}

/** One more in each word; they must all have been the same. */
function change({ words }) {
  const before = words[0];
  for (let n = 0; n < WORDS; n++) {
    if (words[n] !== before) throw new Error(`torn: word 0 is ${before}, word ${n} ${words[n]}`);
    words[n] = before + 1;
  }
}

/** Whom the wait-for-graph made the victim. */
function isVictim(error) {
  return DmaBufError.is(error, 'EDEADLK');
}

/** The kernel's "inorder": take all; on EDEADLK drop all, take the contended one first, start again. */
async function takeAll(context, order, sync, first = null) {
  const held = new Map();
  let contended = first;
  for (;;) {
    let wanted = null;
    try {
      for (const one of contended === null ? order : [contended, ...order]) {
        if (held.has(one)) continue;
        wanted = one;
        const { resv } = one.buf;
        if (one === contended) held.set(one, await resv.lockSlow(context));
        else held.set(one, sync ? resv.lockSync({ context }) : await resv.lock({ context }));
      }
      return held;
    } catch (error) {
      if (!isVictim(error) || wanted === contended) throw error;
      for (const lock of held.values()) lock.unlock();
      held.clear();
      contended = wanted;
    }
  }
}

/** The kernel's "reorder": the contended one moves to the head of the list. */
async function takeReordered(context, order, sync) {
  const list = [...order];
  for (let slow = false; ; slow = true) {
    const held = new Map();
    let at = 0;
    try {
      for (; at < list.length; at++) {
        const { resv } = list[at].buf;
        if (slow && at === 0) held.set(list[at], await resv.lockSlow(context));
        else held.set(list[at], sync ? resv.lockSync({ context }) : await resv.lock({ context }));
      }
      return held;
    } catch (error) {
      if (!isVictim(error) || at === 0) throw error;
      for (const lock of held.values()) lock.unlock();
      list.unshift(...list.splice(at, 1));
    }
  }
}

const take = { inorder: takeAll, reorder: takeReordered };

async function byHand(domain, order, { strategy, algorithm, sync }) {
  const context = domain.acquireContext({ algorithm });
  const held = await take[strategy](context, order, sync);
  context.done();
  for (const [one] of held) change(one);
  for (const lock of held.values()) lock.unlock();
  context[Symbol.dispose]();
}

const rounds = {
  async lockSync(domain, [one]) {
    const lock = one.buf.resv.lockSync();
    change(one);
    lock.unlock();
  },

  async lock(domain, [one]) {
    const lock = await one.buf.resv.lock();
    change(one);
    lock.unlock();
  },

  /** Turn by turn: a thread that only ever tries must let others run. */
  async tryLock(domain, [one]) {
    let lock = one.buf.resv.tryLock();
    while (lock === null) {
      await new Promise((resolve) => setImmediate(resolve));
      lock = one.buf.resv.tryLock();
    }
    change(one);
    lock.unlock();
  },

  async lockAllSync(domain, order) {
    const held = domain.lockAllSync(order.map(({ buf }) => buf));
    for (const one of order) change(one);
    held.unlock();
  },

  async lockAll(domain, order) {
    const held = await domain.lockAll(order.map(({ buf }) => buf));
    for (const one of order) change(one);
    held.unlock();
  },

  byHand,

  /** The kernel's "all": now everything, now one, with and without a context. */
  async all(domain, order, data, choose) {
    const [one] = order;
    const strategies = ['inorder', 'reorder'];
    const strategy = strategies[choose(strategies.length + 1)];
    if (strategy === undefined) await rounds.lockSync(domain, [one]);
    else await byHand(domain, order.slice(0, 1 + choose(16)), { ...data, strategy });
  },
};

await play({
  /** Changes the buffers, in random order, as often as it is told. */
  async change(domain, data) {
    const all = open(domain, data);
    const choose = choices(data.seed);
    say('ready');
    await hear();
    for (let n = 0; n < data.rounds; n++) {
      await rounds[data.how](domain, shuffled(all, choose), data, choose);
    }
    close(all);
  },

  /** One of a ring: owns the first, wants the second, as all others do. */
  async cycle(domain, data) {
    const all = open(domain, data);
    const context = domain.acquireContext({ algorithm: data.algorithm });
    const mine = await all[0].buf.resv.lock({ context });
    say('has one');
    await hear();
    let held = new Map([[all[0], mine]]);
    try {
      held.set(all[1], await all[1].buf.resv.lock({ context }));
    } catch (error) {
      if (!isVictim(error)) throw error;
      mine.unlock();
      held = await takeAll(context, all, false, all[1]);
    }
    for (const one of held.keys()) change(one);
    for (const lock of held.values()) lock.unlock();
    context[Symbol.dispose]();
    close(all);
  },
});
