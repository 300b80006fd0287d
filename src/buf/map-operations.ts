// SPDX-License-Identifier: MIT
/**
 * buf/map-operations — map and pin where the exporter has to be called, or fences have to be waited for.
 *
 * The first map of an attachment whose exporter caches is made once, whoever asks meanwhile: the others wait for it.
 *
 * @source dma_buf_map_attachment, dma_buf_pin
 */

import type { Operation } from '../agent/index.js';
import type { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import type { Direction } from './direction.js';
import { type DynamicMapping, makeDynamicMapping } from './dynamic-mapping.js';
import { shownHold } from './hold.js';
import { type Mapping, makeMapping } from './mapping.js';
import { makePin, type Pin } from './pin.js';
import { TaskWait } from './task-wait.js';

/** One call of this attachment; its detach waits for the end of it. */
function* call<T>(attached: Attached, work: Operation<T>): Operation<T> {
  attached.calls++;
  try {
    return yield* work;
  } finally {
    attached.calls--;
    const { agent } = attached.buffers;
    agent.ring(agent.slot, attached.key);
  }
}

/** A static importer maps. It knows no fences, so memory that is still being moved or cleared is waited for (D-4). */
export function* mapOperation(
  op: string,
  attached: Attached,
  direction: Direction,
): Operation<Mapping> {
  for (;;) {
    attached.use(op);
    const kept = attached.keptFor(op, direction);
    if (kept !== null) return kept as Mapping;
    if (!attached.keeping) break;
    const wait = new TaskWait(attached.buffers.agent, attached.key, () => !attached.keeping);
    const interrupt = yield wait;
    if (interrupt !== null) throw interrupt.error(op, { buffer: attached.reference.id });
    if (wait.refused)
      throw wait.refusal(op, 'the first map of this attachment, which is under way,');
  }
  attached.keeping = attached.port.cacheMapping;
  try {
    return yield* call(attached, mapFresh(op, attached, direction));
  } finally {
    attached.keeping = false;
  }
}

function* mapFresh(op: string, attached: Attached, direction: Direction): Operation<Mapping> {
  const { port, reference } = attached;
  const mapped = yield* port.map(op, attached, direction, null);
  try {
    yield* reference.resv.waitOperation(op, 'kernel');
  } catch (error) {
    port.unmap(attached, mapped, null);
    throw error;
  }
  const mapping = makeMapping(attached, mapped);
  attached.add(mapping);
  if (port.cacheMapping) attached.kept = mapping;
  return mapping;
}

/** A dynamic importer maps memory that may move; `lock` has been checked. */
export function* dynamicMapOperation(
  op: string,
  attached: Attached,
  lock: HeldLock,
  direction: Direction,
): Operation<DynamicMapping> {
  const hold = shownHold(attached.buffers, lock);
  const mapped = yield* call(attached, attached.port.map(op, attached, direction, hold));
  const mapping = makeDynamicMapping(attached, mapped, lock);
  attached.add(mapping);
  return mapping;
}

/** `lock` has been checked. */
export function* pinOperation(op: string, attached: Attached, lock: HeldLock): Operation<Pin> {
  const hold = shownHold(attached.buffers, lock);
  yield* call(attached, attached.port.pin(op, attached, hold));
  return makePin(attached, lock);
}
