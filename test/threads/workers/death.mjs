// SPDX-License-Identifier: MIT
/** Scenes for death.test.ts and death-of-users.test.ts: each has something, says so, and dies as it is told. */
import { dieAsTold, keep, play, say, sayWaiting } from './actor.mjs';

const open = (domain, { buffers }) => buffers.map((share) => keep(domain.openSync(share)));

/** Looks until main is seen waiting, then ends the thread: main's event loop has no part in it. */
function exitOnceMainWaits(domain) {
  for (;;) {
    const main = domain.snapshot().members.find(({ name }) => name === 'main');
    if (main?.waitingFor !== null) process.exit(3);
  }
}

const has = {
  nothing() {},

  lock(domain, data) {
    for (const buf of open(domain, data)) keep(buf.resv.lockSync());
  },

  lockSet(domain, data) {
    keep(domain.lockAllSync(open(domain, data)));
  },

  /** Owes a fence on each buffer, of the class the test names. */
  fence(domain, data) {
    const timeline = keep(domain.timeline('debtor'));
    for (const buf of open(domain, data)) {
      const lock = buf.resv.lockSync();
      lock.reserve(1);
      lock.add(timeline.next(), data.usage);
      lock.unlock();
    }
  },

  /** Everything that keeps a buffer alive. */
  async references(domain, data) {
    const [first, second] = open(domain, data);
    keep(first.dup());
    const own = keep(domain.alloc(8192, { name: 'own' }));
    own.share();
    const attachment = keep(await first.attach('display'));
    keep(await attachment.map('to-device'));
    keep(second.cpuAccessSync('read-write'));
    const dynamic = keep(second.dynamicAttachSync('gpu', { moveNotify() {} }));
    const lock = second.resv.lockSync();
    keep(dynamic.mapSync(lock, 'bidirectional'));
    lock.unlock();
    keep(domain.reservation());
    const pool = keep(domain.pool({ name: 'frames', count: 3, size: 4096 }));
    for (let n = 0; n < 3; n++) keep(pool.acquireSync());
    keep(domain.channel('unread')).sendSync(own, { tag: 1 });
  },

  /** A ticket that nobody has opened. */
  share(domain) {
    return keep(domain.alloc(4096)).share();
  },

  /** Has received what was submitted to it, and not finished it. */
  delivery(domain, { lane }) {
    keep(keep(domain.channel(lane)).receiveSync());
  },

  /** Is the only receiver of a channel, and does not take what is queued. */
  lane(domain, { lane }) {
    keep(domain.channel(lane)).tryReceive();
  },

  /** Has sent, and will not end the channel. */
  sender(domain, { lane }) {
    const buf = domain.alloc(4096);
    keep(domain.channel(lane)).sendSync(buf, { tag: 1 });
    buf.close();
  },
};

await play({
  /** Has it, says so, and dies as the test says. */
  async holder(domain, data) {
    say('ready', await has[data.what](domain, data));
    await dieAsTold();
  },

  /** Has it, and dies when main is blocked or waits. */
  async ambush(domain, data) {
    await has[data.what](domain, data);
    say('ready');
    exitOnceMainWaits(domain);
  },

  /** Waits for a lock that another thread holds, and tells what it got. */
  async heir(domain, data) {
    const [buf] = open(domain, data);
    const { resv } = buf;
    const options = { recover: true };
    const lock = await sayWaiting(data.sync, () =>
      data.sync ? resv.lockSync(options) : resv.lock(options),
    );
    say('got', lock.ownerDied);
    lock.markConsistent();
    lock.unlock();
    buf.close();
  },

  /** Waits for ever, in the way the test names. */
  async waiter(domain, data) {
    const [buf] = open(domain, data);
    const fence = buf.resv.fences('bookkeep').at(0);
    const waits = {
      lock: () => buf.resv.lock(),
      lockSync: () => buf.resv.lockSync(),
      lockAll: () => domain.lockAll([buf]),
      lockAllSync: () => domain.lockAllSync([buf]),
      reservation: () => buf.resv.wait('bookkeep'),
      reservationSync: () => buf.resv.waitSync('bookkeep'),
      fence: () => fence.wait(),
      fenceSync: () => fence.waitSync(),
      cpuAccess: () => buf.cpuAccess('write'),
      cpuAccessSync: () => buf.cpuAccessSync('write'),
      acquire: () => domain.pool(data.pool).acquire(),
      acquireSync: () => domain.pool(data.pool).acquireSync(),
      send: () => domain.channel('full', { capacity: 1 }).send(buf),
      sendSync: () => domain.channel('full', { capacity: 1 }).sendSync(buf),
      receive: () => domain.channel('empty').receive(),
      receiveSync: () => domain.channel('empty').receiveSync(),
    };
    await sayWaiting(data.wait.endsWith('Sync'), waits[data.wait]);
  },

  /** Sends and receives until it dies. */
  async traffic(domain) {
    const [to, from] = [domain.channel('to main'), domain.channel('from main')];
    const pool = domain.pool({ name: 'traffic', count: 4, size: 4096 });
    for (let tag = 0; ; tag++) {
      const frame = pool.tryAcquire();
      if (frame !== null) {
        to.trySend(frame, { tag, meta: { tag } });
        frame.close();
      }
      from.tryReceive()?.done();
    }
  },
});
