// SPDX-License-Identifier: MIT
/**
 * buf/attaching — attach and detach: who holds the reservation lock around which callback.
 *
 *                        static importer                          dynamic importer
 *   static exporter      lock { list }                            map; lock { list }
 *   dynamic exporter     lock { pin, map, KERNEL fences, list }   lock { list }
 *
 * before it the exporter's attach, unlocked; detach mirrors all of it. Where the two disagree, the mapping is BIDIRECTIONAL and
 * kept until detach. List entry and kept mapping become visible together, in one hold of the lock (D-2). The list is one bit
 * per agent in the buffer row, and in the exporter's agent the attachments themselves.
 *
 * Lock order  the reservation lock is never held around attach and detach callbacks, which may take it.
 * Source      Linux dma_buf_dynamic_attach and dma_buf_detach, as of the patch that this project set out from; differs: D-1,
 *             D-2, D-4, D-13.
 */

import { type Operation, until } from '../agent/index.js';
import { fail } from '../errors.js';
import { Attached } from './attached.js';
import type { Device } from './device.js';
import type { DmaBuf } from './dma-buf.js';
import type { DynamicAttachment } from './dynamic-attachment.js';
import { makeDynamicMapping } from './dynamic-mapping.js';
import { type Hold, OwnHold } from './hold.js';
import type { ImporterOps } from './importer.js';
import { makeMapping } from './mapping.js';
import type { Elsewhere, Mapped } from './port.js';
import { TaskWait } from './task-wait.js';

/**
 * @param importer  callbacks of a dynamic importer, or null for a static one.
 * @param make      the handle that stands for the attachment.
 * @param by        tag of the agent that imports.
 */
export function* attachOperation<T>(
  op: string,
  buf: DmaBuf,
  device: Device,
  importer: ImporterOps | null,
  make: (attached: Attached) => T,
  by = buf.buffers.agent.tag,
): Operation<T> {
  const { buffers } = buf;
  const reference = buf.use(op);
  const port = buffers.exports.reach(op, buf);
  const there = port.elsewhere;
  const row =
    there === undefined ? buffers.attachments.claim(op, device.name, importer !== null, by) : null;
  const attached = new Attached(buf, port, device, importer !== null, row);
  // Before there is a handle, nothing is mapped that could move.
  let handle: T | null = null;
  if (importer !== null && port.dynamic) {
    attached.notify = () => {
      if (handle !== null) importer.moveNotify(handle as unknown as DynamicAttachment);
    };
  }
  reference.holders++;
  if (there !== undefined) {
    yield* attachElsewhere(op, attached, there);
    handle = make(attached);
    return handle;
  }
  try {
    yield* port.attach(op, attached);
    attached.entered = true;
    yield* list(op, attached);
  } catch (error) {
    behind(attached, buffers.agent.run(op, leaveExporter(op, attached)));
    throw error;
  }
  handle = make(attached);
  return handle;
}

/** The exporter's agent does all of it, and keeps the list. */
function* attachElsewhere(op: string, attached: Attached, there: Elsewhere): Operation<void> {
  try {
    const kept = yield* there.attach(op, attached);
    if (kept !== null) keep(attached, kept);
  } catch (error) {
    forget(attached);
    throw error;
  }
  attached.listed = true;
  attached.buffers.moves.follow(attached);
}

/** From the exporter's attach to the list. */
function* list(op: string, attached: Attached): Operation<void> {
  const { port, mismatched } = attached;
  if (!mismatched) yield* withOwnLock(op, attached, () => enlist(attached, null));
  else if (port.dynamic) yield* withOwnLock(op, attached, (hold) => pinAndList(op, attached, hold));
  else {
    const mapped = yield* port.map(op, attached, 'bidirectional', null);
    try {
      yield* withOwnLock(op, attached, () => enlist(attached, mapped));
    } catch (error) {
      port.unmap(attached, mapped, null);
      throw error;
    }
  }
}

/** A dead holder of the lock before us does no harm here, and stays known to the next one. */
function* withOwnLock(
  op: string,
  { reference }: Attached,
  work: (hold: OwnHold) => Operation<void> | void,
): Operation<void> {
  const hold = new OwnHold(yield* reference.resv.lockOperation(op, { recover: true }));
  try {
    const going = work(hold);
    if (going !== undefined) yield* going;
  } finally {
    hold.release();
  }
}

/** Memory that may move, for an importer that cannot follow: it stays where it is until detach. */
function* pinAndList(op: string, attached: Attached, hold: OwnHold): Operation<void> {
  const { port, reference } = attached;
  yield* port.pin(op, attached, hold);
  try {
    const mapped = yield* port.map(op, attached, 'bidirectional', hold);
    try {
      yield* reference.resv.waitOperation(op, 'kernel');
    } catch (error) {
      port.unmap(attached, mapped, hold);
      throw error;
    }
    enlist(attached, mapped);
  } catch (error) {
    hold.unwind(() => port.unpin(attached, hold));
    throw error;
  }
}

/** With the lock held: on the list, with what is kept. */
function enlist(attached: Attached, kept: Mapped | null): void {
  const { buffers, reference, port, row } = attached;
  if (kept !== null) keep(attached, kept);
  attached.listed = true;
  port.enlist(attached);
  buffers.moves.follow(attached);
  if (++reference.attachments === 1) {
    buffers.rows.setAttached(reference.row, buffers.agent.slot, true);
  }
  if (row !== null) buffers.attachments.publish(row, reference.row, reference.generation);
}

function keep(attached: Attached, mapped: Mapped): void {
  attached.kept = (attached.dynamic ? makeDynamicMapping : makeMapping)(attached, mapped);
  attached.add(attached.kept);
}

/** With the lock held. */
function unlist(attached: Attached): void {
  const { buffers, reference, port, row } = attached;
  attached.listed = false;
  port.unlist(attached);
  buffers.moves.unfollow(attached);
  if (--reference.attachments === 0) {
    buffers.rows.setAttached(reference.row, buffers.agent.slot, false);
  }
  if (row !== null) buffers.attachments.withdraw(row);
}

// --------------------------------------------------------------------------------------------- detach

/**
 * Starts to detach, once; what is open ends. Settles when the exporter's detach has returned, or when a callback that nobody waits
 * for any more has not ended in its time: the rest goes on behind.
 */
export function detach(op: string, attached: Attached): Promise<void> {
  const { buffers } = attached;
  attached.detaching ??= buffers.background(buffers.agent.run(op, detachOperation(op, attached)));
  return inTime(op, attached, attached.detaching);
}

function inTime(op: string, attached: Attached, detaching: Promise<void>): Promise<void> {
  const { buffers, port, reference } = attached;
  const { callTimeout } = port;
  if (callTimeout === Infinity) return detaching;
  return new Promise((resolve, reject) => {
    const { platform } = buffers.agent;
    const look = (): void => {
      if (attached.late === 0) {
        timer = platform.timer(callTimeout, look);
        return;
      }
      const why = `a callback of the exporter has not ended within its callTimeout of ${callTimeout} ms: what is left is done when it ends`;
      reject(fail('ETIMEDOUT', op, { buffer: reference.id }, { why }));
    };
    let timer = platform.timer(callTimeout, look);
    detaching.finally(() => timer.cancel()).then(resolve, reject);
  });
}

/** The same, for who does not look at the outcome. */
export function detachBehind(op: string, attached: Attached): void {
  behind(attached, detach(op, attached));
}

function behind({ buffers }: Attached, work: Promise<void>): void {
  void buffers.background(work).catch((error: unknown) => buffers.report(error));
}

function* detachOperation(op: string, attached: Attached): Operation<void> {
  yield* over(op, attached, 'calls');
  const there = attached.port.elsewhere;
  if (there !== undefined) {
    attached.listed = false;
    attached.buffers.moves.unfollow(attached);
    endAll(attached, null);
    try {
      yield* there.detach(op, attached);
    } finally {
      forget(attached);
    }
    return;
  }
  if (attached.port.dynamic) {
    yield* withOwnLock(op, attached, (hold) => {
      unlist(attached);
      endAll(attached, hold);
    });
  } else {
    yield* withOwnLock(op, attached, () => unlist(attached));
    endAll(attached, null);
  }
  yield* leaveExporter(op, attached);
}

/** Until nothing of this kind is under way: no callback of this attachment runs after its detach. */
function* over(op: string, attached: Attached, what: 'calls' | 'late'): Operation<void> {
  const { agent } = attached.buffers;
  const wait = new TaskWait(agent, attached.key, () => attached[what] === 0);
  while (attached[what] > 0) yield* until(wait, op);
}

/** Everything that is open of this attachment, `hold` being held if the exporter is dynamic. */
function endAll(attached: Attached, hold: Hold | null): void {
  const { port, kept } = attached;
  for (const mapping of attached.open) {
    mapping.invalidate();
    attached.remove(mapping);
    port.unmap(attached, mapping.mapped, hold);
  }
  const pins = attached.pins.size + (kept === null ? 0 : 1);
  for (const pin of attached.pins) attached.removePin(pin);
  if (hold === null) return;
  for (let pin = 0; pin < pins; pin++) port.unpin(attached, hold);
}

function* leaveExporter(op: string, attached: Attached): Operation<void> {
  try {
    yield* over(op, attached, 'late');
    if (attached.entered) yield* attached.port.detach(op, attached);
  } finally {
    forget(attached);
  }
}

function forget({ buffers, reference, row }: Attached): void {
  if (row !== null) buffers.attachments.free(row);
  buffers.drop(reference);
}
