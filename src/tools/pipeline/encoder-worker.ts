// SPDX-License-Identifier: MIT
/**
 * encoder-worker — encodes every frame once, in order, as soon as its bands are done.
 *
 * A frame whose filter died is refused: its fence fails, the main thread has the lost bands redone and submits the
 * frame again. Frames behind it wait here meanwhile; there are never more of them than the pool has buffers.
 */
import { type Delivery, DmaBufError, Domain } from 'dmabuf';
import { Encoder } from './encoder.js';
import { frameLayout, outputPixels, Stamps } from './frame-layout.js';
import { latencyOf } from './job.js';
import {
  channelOptions,
  ENCODE_CHANNEL,
  type EncoderData,
  REPORT_CHANNEL,
  REPORT_OPTIONS,
  type Report,
} from './lane-messages.js';
import { Histogram, nowMicros } from './latency.js';
import { followStarter } from './starter.js';
import { messageOf, UserError } from './user-error.js';
import { parseHeader } from './y4m.js';

followStarter();
await using domain = await Domain.join();
const { depth, workers, header, output, prefix } = domain.data as EncoderData;
const format = parseHeader(header);
const layout = frameLayout(format.geometry, workers);
const encoder = new Encoder(output, format, prefix);
const toFilter = new Histogram();
const toEncoder = new Histogram();
const whole = new Histogram();
let free = nowMicros();

/** @returns false: a band is missing.  @throws UserError the output cannot be written */
async function encode(job: Delivery): Promise<boolean> {
  try {
    using cpu = await job.cpuAccess('read');
    const stamps = new Stamps(cpu, layout);
    toEncoder.record(nowMicros() - Math.max(stamps.lastDone, free));
    for (const hop of stamps.hops()) toFilter.record(hop);
    await encoder.encode(outputPixels(cpu, layout));
    free = nowMicros();
    whole.record(free - stamps.submitted);
    job.done();
    return true;
  } catch (error) {
    if (!DmaBufError.is(error)) throw error;
    job.fail(error.code);
    return false;
  }
}

/** Until the last frame. */
async function encodeAll(): Promise<void> {
  const early = new Map<number, Delivery>();
  try {
    for await (const job of domain.channel(ENCODE_CHANNEL, channelOptions(depth))) {
      early.set(job.tag, job);
      for (let next = early.get(encoder.frames); next; next = early.get(encoder.frames)) {
        early.delete(next.tag);
        using current = next;
        if (!(await encode(current))) break;
      }
    }
  } finally {
    for (const job of early.values()) job[Symbol.dispose]();
  }
}

async function report(failure: string | null): Promise<void> {
  const { frames, checksum, prefixChecksum } = encoder;
  const latency = latencyOf(toFilter, toEncoder, whole);
  const meta: Report = { frames, checksum, prefixChecksum, latency, failure };
  using channel = domain.channel(REPORT_CHANNEL, REPORT_OPTIONS);
  using note = domain.alloc(1, { name: 'report' });
  await channel.send(note, { meta });
  channel.end();
}

try {
  await encodeAll();
  await report(null);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  await report(messageOf(error));
}
