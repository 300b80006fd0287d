// SPDX-License-Identifier: MIT
/** Scenes for channels.test.ts. */
import { DmaBufError } from 'dmabuf';
import { hear, parked, play, say, sayWaiting } from './actor.mjs';

function open(domain, { buffers }) {
  return buffers.map((share) => domain.openSync(share));
}

/** One more in the first word of a frame that is ours by turns. */
function count(cpu) {
  const words = cpu.as(Int32Array, { length: 4 });
  words[0] += 1;
  return words[0];
}

async function sendAll(lane, buf, { first, messages, sync }) {
  for (let tag = first; tag < first + messages; tag++) {
    if (sync) lane.sendSync(buf, { tag });
    else await lane.send(buf, { tag, meta: { tag } });
  }
}

await play({
  /** Sends consecutive tags. */
  async sender(domain, data) {
    const [buf] = open(domain, data);
    const lane = domain.channel(data.lane);
    await sendAll(lane, buf, data);
    if (data.end) lane.end();
    lane.close();
    buf.close();
  },

  /** Receives until the end, and tells the tags in the order of their arrival. */
  async receiver(domain, { lane, sync }) {
    const tags = [];
    const channel = domain.channel(lane);
    if (sync) {
      say('ready');
      try {
        for (;;) {
          const job = channel.receiveSync();
          tags.push(job.tag);
          job.done();
        }
      } catch (error) {
        if (!DmaBufError.is(error, 'EPIPE')) throw error;
      }
    } else {
      const messages = channel[Symbol.asyncIterator]();
      let next = messages.next();
      await parked();
      say('ready');
      for (let one = await next; one.done !== true; one = await next) {
        tags.push(one.value.tag);
        one.value.done();
        next = messages.next();
      }
    }
    channel.close();
    say('tags', tags);
  },

  /** Sends back what comes, one higher. */
  async echo(domain, { sync }) {
    const [ping, pong] = [domain.channel('ping'), domain.channel('pong')];
    for (;;) {
      let job;
      try {
        job = sync ? ping.receiveSync() : await ping.receive();
      } catch (error) {
        if (!DmaBufError.is(error, 'EPIPE')) throw error;
        break;
      }
      const cpu = sync ? job.cpuAccessSync('read-write') : await job.cpuAccess('read-write');
      count(cpu);
      cpu.end();
      if (sync) pong.sendSync(job.buf, { tag: job.tag });
      else await pong.send(job.buf, { tag: job.tag });
      job.done();
    }
    ping.close();
    pong.close();
  },

  /** Tries to send one message, and tells how that ended. */
  async lateSender(domain, data) {
    const [buf] = open(domain, data);
    const lane = domain.channel(data.lane);
    const options = { tag: 99 };
    try {
      await sayWaiting(data.sync, () =>
        data.sync ? lane.sendSync(buf, options) : lane.send(buf, options),
      );
      say('sent');
    } catch (error) {
      say('refused', error.code);
    }
    lane.close();
    buf.close();
  },

  /** Takes one message each time it is told to, until it is told to stop. */
  async onDemand(domain, { lane }) {
    const channel = domain.channel(lane);
    say('ready');
    while ((await hear()) === 'take') {
      const job = await channel.receive();
      say('took', job.tag);
      job.done();
    }
    channel.close();
  },

  /** A filter: adds its own bit to each frame that is submitted to it. */
  async filter(domain, { lane, bit }) {
    const channel = domain.channel(lane);
    say('ready');
    for await (const job of channel) {
      const cpu = await job.cpuAccess('read-write');
      Atomics.or(cpu.as(Int32Array, { length: 4 }), 0, 1 << bit);
      job.done();
    }
    channel.close();
  },

  /** Takes one submission and ends it as the test says. */
  async ending(domain, { lane, how }) {
    const channel = domain.channel(lane);
    say('ready');
    const job = await channel.receive();
    if (how === 'done') job.done();
    else if (how === 'fail') job.fail('EIO');
    else job[Symbol.dispose]();
    channel.close();
    await hear();
  },
});
