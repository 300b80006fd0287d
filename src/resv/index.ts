// SPDX-License-Identifier: MIT
/**
 * resv — the room's public face.
 *
 * `Reservations`, one per agent:
 *   of(row): Reservation (row of the buffer, or of a shared one)   create(): Reservation (shared)
 *   reset(row): void      a row's new life, or its end: by the builder, or who releases the buffer
 *   retire(row): void     this agent has dropped its last handle on the buffer
 *   registerNamer((row) => boolean): void                          does a buffer name that shared reservation?
 *   acquireContext({ algorithm }): AcquireContext                  block(op, operation, limit, context): runs it on this thread
 *   writeError(row): ErrorCode | null (D-9)                        holder(row): slot | -1        waiters(row): slots
 *   lost.listener, lost.debug; onMisuse(fn), debug; injectDeadlock (tests)
 * `Reservation`, for operations of other rooms:
 *   lockOperation(op, { context, recover, blocking }): Operation<ResvLock>      waitOperation(op, usage): Operation<void>
 *   whenMoved(usage, changed): Wait               listOf(row of a buffer's key): the reservation whose list is meant, or -1
 *   tryLock()    writeError()    owedHere(usage)    holderSlot    row    room
 * `HeldLock`: static require(op, lock, resv) throws EINVAL, ENOLCK · inTheWay(usage): pending fences, and failed writes ·
 *   lend(): LentLock, end() it · own: the ResvLock, or null when another agent lent it (see lending)
 */
export { AcquireContext, type Algorithm } from './acquire-context.js';
export { HeldLock, MOST_RESERVED, ResvLock } from './held-lock.js';
export { reservationSections } from './layout.js';
export { BorrowedLock, LentAway } from './lending.js';
export { listKey, listOf } from './list-watch.js';
export { lockAll, lockAllSync } from './lock-all.js';
export { LockSet } from './lock-set.js';
export type { LockOptions, LockSyncOptions } from './options.js';
export { Reservation } from './reservation.js';
export { type Misuse, Reservations } from './reservations.js';
export type { Usage } from './usage.js';
