// SPDX-License-Identifier: MIT
/** A scene for waits.test.ts: whatever one can wait for, this thread has it, until it is told to let go. */
import { hear, play, say } from './actor.mjs';

await play({
  async obstacle(domain, { buffers }) {
    const [locked, owed, kernel] = buffers.map((share) => domain.openSync(share));
    const timeline = domain.timeline('obstacle');
    const owe = (buf, add) => {
      const fence = timeline.next();
      const lock = buf.resv.lockSync();
      lock.reserve(1);
      add(lock, fence);
      lock.unlock();
      return fence;
    };
    owe(owed, (lock, fence) => lock.add(fence, 'write'));
    const last = owe(kernel, (lock, fence) => lock.addKernel(fence));
    const frame = domain.pool({ name: 'one', count: 1, size: 4096 }).acquireSync();
    const full = domain.channel('full');
    full.sendSync(owed);
    const lock = locked.resv.lockSync();
    say('ready');
    await hear();
    lock.unlock();
    timeline.signal(last);
    frame.close();
    full.receiveSync().done();
    for (const buf of [locked, owed, kernel]) buf.close();
    say('let go');
    await hear();
  },
});
