// SPDX-License-Identifier: MIT
/**
 * sharing-mode — video -> filter workers -> encoder over one pool of shared buffers; no pixel is copied. Workers are threads, or
 * processes: that is told to the domain and to spawn(), and where the encoder finds the output; all else is the same.
 */
import { type Channel, Domain, type Member } from 'dmabuf';
import { Feeder } from './feeder.js';
import { type FrameLayout, frameLayout } from './frame-layout.js';
import { framesInFlight, type Job, type Result } from './job.js';
import {
  channelOptions,
  ENCODE_CHANNEL,
  type EncoderData,
  REPORT_CHANNEL,
  REPORT_OPTIONS,
  type Report,
} from './lane-messages.js';
import { Lanes } from './lanes.js';
import { LeakCount } from './leaks.js';
import type { SharingMode } from './options.js';
import { outputFor } from './sink.js';
import { UserError } from './user-error.js';
import { formatHeader } from './y4m.js';

/** Room beside the pool: page rounding, the report. */
const HEAP_SLACK = 4 * 2 ** 20;

/** What a worker is, by mode. */
const KIND = { threads: 'thread', processes: 'process' } as const;
type Kind = (typeof KIND)[SharingMode];

/** @throws UserError this machine cannot */
export async function runSharing(mode: SharingMode, job: Job): Promise<Result> {
  const support = Domain.support()[mode];
  if (!support.ok) throw new UserError(`--mode ${mode}: ${support.why}: ${support.remedy}`);
  const as = KIND[mode];
  const layout = frameLayout(job.source.format.geometry, job.workers);
  const depth = framesInFlight(job.workers);
  const heap = depth * layout.size + HEAP_SLACK;
  await using domain = await Domain.create({ heap, processes: as === 'process' });
  const leaks = new LeakCount(domain);
  const outcome = await run(domain, as, leaks, layout, depth, job);
  await leaks.afterClosing();
  const { bytesCopied } = domain.snapshot();
  await domain.close();
  const { width, height } = job.source.format.geometry;
  return {
    mode,
    width,
    height,
    workers: job.workers,
    ...outcome,
    bytesCopied,
    leaks: leaks.leaks,
  };
}

type Outcome = Omit<Result, 'mode' | 'width' | 'height' | 'workers' | 'bytesCopied' | 'leaks'>;

/** Opens everything, runs, and closes everything again: what is alive afterwards is a leak. */
async function run(
  domain: Domain,
  as: Kind,
  leaks: LeakCount,
  layout: FrameLayout,
  depth: number,
  job: Job,
): Promise<Outcome> {
  const header = formatHeader(job.source.format).trimEnd();
  const { workers, filter, prefix } = job;
  using pool = domain.pool({ name: 'frames', count: depth, size: layout.size });
  using encode = domain.channel(ENCODE_CHANNEL, channelOptions(depth));
  using reports = domain.channel(REPORT_CHANNEL, REPORT_OPTIONS);
  using lanes = new Lanes(domain, { as, workers, filter, header, depth });
  const output = outputFor(as, job.output);
  const data: EncoderData = { depth, workers, header, output, prefix };
  const script = new URL('./encoder-worker.js', import.meta.url);
  const encoder = await domain.spawn(script, { as, name: 'encoder', data });
  await lanes.ready();
  const report = Promise.race([reportOf(reports), lost(encoder)]);
  const feeder = new Feeder(job, { pool, lanes, encode, report, layout });
  // A failure ends feed(), which throws it.
  report.catch((error: unknown) => feeder.stop(error));
  const began = performance.now();
  await feeder.feed();
  const seconds = (performance.now() - began) / 1000;
  await lanes.end();
  encode.end();
  const { frames, checksum, prefixChecksum, latency } = await report;
  await encoder.gone;
  await leaks.beforeClosing(pool);
  const { occupancy, kills } = feeder;
  return { frames, checksum, prefixChecksum, latency, seconds, occupancy, kills };
}

/** @throws UserError what the encoder could not do */
async function reportOf(channel: Channel): Promise<Report> {
  using delivery = await channel.receive();
  const report = delivery.meta as Report;
  if (report.failure !== null) throw new UserError(report.failure);
  return report;
}

/** Never resolves. @throws Error it died in the middle of its work */
async function lost(encoder: Member): Promise<never> {
  const { clean, reason } = await encoder.gone;
  if (!clean) throw new Error(`the encoder died: ${reason}`);
  return new Promise(() => undefined);
}
