// SPDX-License-Identifier: MIT
/**
 * heap/submit — one buffer to several workers, as one operation on it.
 *
 * Waiting comes first and holds nothing: until every channel has room, then for the buffer's lock, then, if too many fences are
 * in the way, until fewer are. With the lock held nothing waits: look at the fences in the way, claim a cell in every channel, add
 * a fence per receiver, fill the cells, publish. If one channel has no room after all, everything is taken back and begins anew.
 * Who waits for room is sent away when the last receiver goes: what it left may fill the channel for ever.
 *
 * Invariants  S1 all fences in the way are looked at before the first of our own is added: the receivers run side by side.
 *             S2 a fence is in the reservation before its message can be received: whoever uses the buffer next waits for it.
 *             S3 a fence is owned by this agent until its cell is about to be published, then by nobody (Q2).
 *             S4 channels that drop their oldest are asked last, when the fences are there, and only when all of them can: nothing is
 *             dropped for an attempt that is taken back, unless somebody else came in between.
 * Lock order  the buffer's reservation lock; under it only cells.
 * Deaths      before `publish` a cell is void and its fence fails with those that this agent owed; what was published is done.
 * Pairs       P22, P23 see channel-link.
 */

import { type Operation, until } from '../agent/index.js';
import type { DmaBuf } from '../buf/index.js';
import { checkWait, errorNumber, fail, shown } from '../errors.js';
import type { Fence } from '../fence/index.js';
import type { ResvLock } from '../resv/index.js';
import { MAX_AFTER, MessageFlag } from './channel-layout.js';
import type { ChannelLink, Party } from './channel-link.js';
import { checkTag, encodeMeta, type SendOptions } from './channel-options.js';
import { afterWait, closedError } from './channel-waits.js';
import { LineWait } from './line.js';
import { packName } from './messages.js';
import { NONE } from './ring.js';

const OP = 'Channel.submit';

export interface SubmitOptions extends SendOptions {
  /** The lock's last holder died: false (default) = reject with EOWNERDEAD; true = go on. */
  readonly recover?: boolean;
}

/** One submission, checked. */
export interface Job {
  readonly to: readonly ChannelLink[];
  readonly party: Party;
  readonly buf: DmaBuf;
  readonly usage: 'read' | 'write';
  readonly tag: number;
  readonly text: string | null;
  readonly recover: boolean;
}

/** What has to be waited for before the next attempt: fences in excess, or only room. */
type Obstacle = { readonly excess: readonly Fence[] };

/** @throws EINVAL · ENOSPC · EACCES · EPIPE · ETIMEDOUT · EOWNERDEAD */
export function submit(
  to: readonly ChannelLink[],
  party: Party,
  buf: DmaBuf,
  usage: 'read' | 'write',
  options: SubmitOptions,
): Promise<readonly Fence[]> {
  const [first] = to;
  if (first === undefined) return Promise.resolve([]);
  checkWait(OP, options);
  if (usage !== 'read' && usage !== 'write') {
    const why = 'usage must be "read" or "write"';
    throw fail('EINVAL', OP, { usage: shown(usage) }, { why });
  }
  if (usage === 'write' && buf.readOnly) {
    throw fail('EACCES', OP, { buffer: buf.id }, { why: buf.readOnlyWhy });
  }
  buf.use(OP);
  checkCapacities(to);
  const metaBytes = Math.min(...to.map((link) => link.metaBytes));
  const text = encodeMeta(OP, options.meta, metaBytes);
  const tag = checkTag(OP, options.tag);
  const recover = options.recover === true;
  const job: Job = { to, party, buf, usage, tag, text, recover };
  return first.host.agent.run(OP, submitting(job), options);
}

/** A channel that is named several times needs that many cells. */
function checkCapacities(to: readonly ChannelLink[]): void {
  for (const link of to) {
    const times = countOf(to, link);
    if (times <= link.capacity || link.policy === 'drop-new') continue;
    const at = { channel: link.name, capacity: link.capacity };
    throw fail('EINVAL', OP, at, {
      why: `the channel is named ${times} times, and never has that much room`,
    });
  }
}

const countOf = (to: readonly ChannelLink[], link: ChannelLink): number =>
  to.reduce((count, other) => count + (other === link ? 1 : 0), 0);

export function* submitting(job: Job): Operation<readonly Fence[]> {
  const kept = job.buf.dup();
  try {
    const own = { ...job, buf: kept };
    /** Places in lines, kept through all attempts. */
    const waits = new Map<ChannelLink, LineWait>();
    for (;;) {
      yield* waitForRoom(own, waits);
      const lock = yield* kept.resv.lockOperation(OP, { recover: job.recover });
      let outcome: readonly Fence[] | Obstacle;
      try {
        outcome = attempt(own, lock);
      } finally {
        lock.unlock();
      }
      if (!('excess' in outcome)) return outcome;
      for (const fence of outcome.excess) {
        if (fence.signaled) continue;
        yield* until(kept.buffers.fences.waitFor(fence), OP, { buffer: kept.id });
      }
    }
  } finally {
    kept.close();
  }
}

/** Until every channel has room; nothing is held meanwhile, so it may be gone again. */
function* waitForRoom({ to, party }: Job, waits: Map<ChannelLink, LineWait>): Operation<void> {
  for (let index = 0; index < to.length; ) {
    const link = to[index];
    if (link === undefined) return;
    const wanted = countOf(to, link);
    const stood = waits.get(link);
    if (link.takes(wanted, stood !== undefined)) {
      index++;
      continue;
    }
    for (const each of to) check(each, party);
    if (stood !== undefined) link.senders.lost(stood);
    const wait = stood ?? roomWait(link, party, wanted);
    waits.set(link, wait);
    afterWait(OP, link, wait, party, yield wait);
    // The room stays there, for whoever is next: this one looks for more.
    link.senders.wake();
    index = 0;
  }
}

/** A place in the line of senders, for as many cells; there is nothing to wait for without receivers. */
function roomWait(link: ChannelLink, party: Party, wanted: number): LineWait {
  const isOver = (): boolean => party.closed || link.hasEnded || link.abandoned;
  return new LineWait(link.senders, isOver, false, wanted);
}

/** With the lock held: all or nothing. */
function attempt(job: Job, lock: ResvLock): readonly Fence[] | Obstacle {
  const { to, party, buf, usage } = job;
  for (const link of to) check(link, party);
  const inTheWay = lock.inTheWay(usage === 'write' ? 'read' : 'write');
  const after = named(inTheWay);
  if (after.length > MAX_AFTER) return { excess: after.slice(MAX_AFTER) };
  lock.reserve(to.length);
  const positions = to.map(() => NONE);
  const owed = claimAll(to, positions, buf);
  if (owed === null) return { excess: [] };
  for (const fence of owed) lock.add(fence, usage); // S2
  for (const [index, link] of to.entries())
    fill(job, link, positions[index] ?? NONE, owed[index], after);
  for (const [index, link] of to.entries()) send(buf, link, positions[index] ?? NONE, owed[index]);
  return owed;
}

function check(link: ChannelLink, party: Party): void {
  if (party.closed) throw closedError(OP, link);
  if (link.hasEnded) throw link.endedError(OP);
  if (!link.abandoned) return;
  const why = 'the receivers of the channel have left or died, and no new one is there';
  throw fail('EPIPE', OP, { channel: link.name }, { why });
}

/** Fences that the message has to name. One that failed says enough. */
function named(inTheWay: readonly Fence[]): Fence[] {
  const failed = inTheWay.find((fence) => fence.error !== null);
  const pending = inTheWay.filter((fence) => !fence.signaled);
  return failed === undefined ? pending : [failed, ...pending];
}

/** A cell in every channel and a fence for each, or nothing: null. NONE = that channel drops it. @throws EPIPE · ENFILE */
function claimAll(
  to: readonly ChannelLink[],
  positions: number[],
  buf: DmaBuf,
): readonly Fence[] | null {
  let owed: readonly Fence[] = [];
  let complete = false;
  try {
    // S4
    if (claimIn(to, positions, false) && canDrop(to)) {
      owed = makeFences(buf, to.length);
      complete = claimIn(to, positions, true);
    }
  } finally {
    if (!complete) takeBack(to, positions, buf, owed);
  }
  return complete ? owed : null;
}

const drops = (link: ChannelLink): boolean => link.policy === 'drop-oldest';

/** Is there room in the channels that drop their oldest, or something to drop? */
const canDrop = (to: readonly ChannelLink[]): boolean =>
  to.every((link) => !drops(link) || link.takes(countOf(to, link), true));

/** Claims in the channels that drop their oldest, or in the others. @returns false when one has no room @throws EPIPE */
function claimIn(to: readonly ChannelLink[], positions: number[], dropping: boolean): boolean {
  for (const [index, link] of to.entries()) {
    if (drops(link) !== dropping) continue;
    const position = link.claim(OP, true);
    if (position === NONE && link.policy !== 'drop-new') return false;
    positions[index] = position;
  }
  return true;
}

function takeBack(
  to: readonly ChannelLink[],
  positions: readonly number[],
  buf: DmaBuf,
  owed: readonly Fence[],
): void {
  for (const fence of owed) buf.buffers.fences.signal(fence);
  for (const [index, position] of positions.entries()) {
    if (position !== NONE) to[index]?.abort(position);
  }
}

/** A context each: they have no order. @throws ENFILE */
function makeFences(buf: DmaBuf, count: number): readonly Fence[] {
  const { fences } = buf.buffers;
  const context = fences.contexts(count);
  return Array.from({ length: count }, (_, index) => fences.create(context + index, 1));
}

function fill(
  { buf, usage, tag, text }: Job,
  link: ChannelLink,
  position: number,
  owed: Fence | undefined,
  after: readonly Fence[],
): void {
  if (position === NONE || owed === undefined) return;
  const { messages } = link;
  const at = link.ring.cell(position);
  const flags =
    MessageFlag.OWED |
    (usage === 'write' ? MessageFlag.WRITES : 0) |
    (text === null ? 0 : MessageFlag.META) |
    (buf.readOnly ? MessageFlag.READ_ONLY : 0);
  messages.write(at, packName(buf.row, buf.generation), tag, flags);
  if (text !== null) messages.writeMeta(at, text);
  messages.writeFences(at, owed, after);
  buf.buffers.rows.nameInQueue(buf.row, link.row);
}

function send(buf: DmaBuf, link: ChannelLink, position: number, owed: Fence | undefined): void {
  if (owed === undefined) return;
  const { fences } = buf.buffers;
  if (position === NONE) {
    // Dropped: named by the reservation first, so that whoever looks learns of it.
    fences.signal(owed, errorNumber('ECANCELED'));
    return;
  }
  fences.setOwner(owed.row, owed.generation, 0); // S3
  link.publish(position); // P22
  link.dropUnowned(); // P22
}
