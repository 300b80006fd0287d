// SPDX-License-Identifier: MIT
/**
 * buf/guests — importers in other agents, as the exporter's agent keeps them: their attachments, mappings and pins.
 *
 * A guest's attachment is one like any other here, on the list and under the same rules; the guest only knows names of what it
 * has. So a guest that dies leaves nothing that somebody else would have to find out: this agent, rung at every death, takes
 * apart what belongs to nobody any more.
 *
 * A lock that comes along with a call is shown to the callbacks. What ends without one (unmap, unpin) takes it here.
 */

import { type Agent, type Answer, type Message, type Operation, tagSlot } from '../agent/index.js';
import { fail } from '../errors.js';
import type { HeldLock } from '../resv/index.js';
import type { Attached, OpenMapping } from './attached.js';
import { attachOperation, detach } from './attaching.js';
import type { Buffers } from './buffers.js';
import { CallKind, putMapping, putRanges, readDevice, readDirection } from './call-kinds.js';
import type { DmaBuf } from './dma-buf.js';
import { readEndings } from './endings.js';
import type { GuestAccesses } from './guest-accesses.js';
import { adopt, type Call, DONE, keyOf, nothing, serve } from './guest-calls.js';
import { shownHold, withLock } from './hold.js';
import { dynamicMapOperation, mapOperation, pinOperation } from './map-operations.js';
import type { Pin } from './pin.js';
import { rangesOf } from './sources.js';
import { TaskWait } from './task-wait.js';

interface Guest {
  /** Tag of the agent that imports. */
  readonly owner: number;
  readonly attached: Attached;
  /** This agent's own handle on the buffer, for as long as the guest stays. */
  readonly buf: DmaBuf;
  readonly mappings: Map<number, OpenMapping>;
  readonly pins: Map<number, Pin>;
}

export class Guests {
  readonly #guests = new Map<string, Guest>();

  constructor(
    readonly buffers: Buffers,
    readonly accesses: GuestAccesses,
  ) {
    serve(buffers, CallKind.ATTACH, (call) => this.#attach(call));
    serve(buffers, CallKind.DETACH, (call) => this.#detach(call));
    serve(buffers, CallKind.MAP, (call) => this.#map(call));
    serve(buffers, CallKind.MORE, (call) => this.#more(call));
    serve(buffers, CallKind.PIN, (call) => this.#pin(call));
    serve(buffers, CallKind.ENDINGS, (call) => this.#ends(call));
  }

  /** Takes apart what belonged to agents that have gone. */
  sweep(): void {
    const { agent } = this.buffers;
    for (const [key, { owner }] of this.#guests) if (!agent.serves(owner)) this.#leave(key);
  }

  /** This agent leaves: what it held for others is no leak of its own. */
  close(): void {
    for (const { buf } of this.#guests.values()) buf.close();
  }

  // ------------------------------------------------------------------------------------------- attachments

  *#attach({ caller, message }: Call): Operation<Answer> {
    const op = 'DmaBuf.attach';
    const { agent } = this.buffers;
    const buf = adopt(this.buffers, op, message);
    const key = keyOf(caller, message.word());
    try {
      const dynamic = message.word() === 1;
      const device = readDevice(op, message);
      const importer = dynamic
        ? {
            moveNotify(): undefined {
              agent.note(tagSlot(caller));
              return undefined;
            },
          }
        : null;
      const same = (made: Attached): Attached => made;
      const attached = yield* attachOperation(op, buf, device, importer, same, caller);
      const guest = { owner: caller, attached, buf, mappings: new Map(), pins: new Map() };
      this.#guests.set(key, guest);
      const { kept } = attached;
      const write = (answer: Message): void => {
        answer.putWord(kept === null ? 0 : 1);
        if (kept !== null) this.#putMapping(answer, guest, kept);
      };
      return { write, undo: () => this.#leave(key) };
    } catch (error) {
      buf.close();
      throw error;
    }
  }

  *#detach({ caller, message }: Call): Operation<Answer> {
    const key = keyOf(caller, message.word());
    const guest = this.#guests.get(key);
    if (guest === undefined) return DONE;
    this.#guests.delete(key);
    yield* settled(this.buffers.agent, guest.attached.key, this.#left(guest));
    return DONE;
  }

  /** What the caller has ended; nobody waits for it. */
  // oxlint-disable-next-line require-yield -- an operation that never waits
  *#ends({ caller, message }: Call): Operation<Answer> {
    for (const { kind, attachment, id } of readEndings(message)) {
      const key = keyOf(caller, attachment);
      const guest = this.#guests.get(key);
      if (kind === 'access') this.accesses.end(caller, id);
      else if (guest === undefined) continue;
      else if (kind === 'detach') this.#leave(key);
      else if (kind === 'unmap') this.#unmap(guest, id);
      else this.#unpin(guest, id);
    }
    return DONE;
  }

  #leave(key: string): void {
    const guest = this.#guests.get(key);
    if (guest === undefined) return;
    this.#guests.delete(key);
    const { buffers } = this;
    void this.#left(guest).catch((error: unknown) => buffers.report(error));
  }

  /** Ends all that the guest has open. */
  #left({ attached, buf }: Guest): Promise<void> {
    return detach('Attachment.detach', attached).finally(() => buf.close());
  }

  #guest(op: string, { caller, message }: Call): Guest {
    const guest = this.#guests.get(keyOf(caller, message.word()));
    if (guest !== undefined) return guest;
    throw fail('ESTALE', op, {}, { why: 'the attachment was detached' });
  }

  // ------------------------------------------------------------------------------------------- mappings

  *#map(call: Call): Operation<Answer> {
    const { lock, message } = call;
    const op = lock === null ? 'Attachment.map' : 'DynamicAttachment.map';
    const guest = this.#guest(op, call);
    const direction = readDirection(message);
    const { attached } = guest;
    attached.use(op);
    const { kept } = attached;
    const mapping: OpenMapping =
      lock === null
        ? yield* mapOperation(op, attached, direction)
        : yield* dynamicMapOperation(op, attached, lock, direction);
    return {
      write: (answer) => this.#putMapping(answer, guest, mapping),
      undo: () => {
        if (mapping === kept) return; // an earlier call's
        for (const [id, open] of guest.mappings) if (open === mapping) guest.mappings.delete(id);
        // Kept by this very call, so nobody else has it.
        if (kept === null && attached.kept === mapping) attached.kept = null;
        this.#endMapping(guest, mapping, lock);
      },
    };
  }

  /** What is kept has one name. */
  #putMapping(message: Message, guest: Guest, mapping: OpenMapping): void {
    const { mapped } = mapping;
    const kept = guest.attached.kept === mapping;
    const known = kept ? [...guest.mappings].find(([, other]) => other === mapping) : undefined;
    const id = known?.[0] ?? this.buffers.exports.name();
    guest.mappings.set(id, mapping);
    const { direction, moveGen } = mapped;
    const ranges = rangesOf(mapped);
    putMapping(message, { id, direction, moveGen, kept, count: ranges.length, ranges });
  }

  // oxlint-disable-next-line require-yield -- an operation that never waits
  *#more(call: Call): Operation<Answer> {
    const guest = this.#guest('Attachment.map', call);
    const mapping = guest.mappings.get(call.message.word());
    const from = call.message.word();
    // Unmapped meanwhile: there is no more.
    const ranges = mapping === undefined ? [] : rangesOf(mapping.mapped).slice(from);
    return { write: (answer) => putRanges(answer, ranges), undo: nothing };
  }

  #unmap(guest: Guest, id: number): void {
    const mapping = guest.mappings.get(id);
    if (mapping === undefined) return;
    guest.mappings.delete(id);
    const { attached } = guest;
    if (!attached.port.dynamic) this.#endMapping(guest, mapping, null);
    else this.#later(guest, (lock) => this.#endMapping(guest, mapping, lock));
  }

  /** `lock`: of a dynamic exporter. */
  #endMapping({ attached }: Guest, mapping: OpenMapping, lock: HeldLock | null): void {
    if (attached.kept === mapping || !attached.remove(mapping)) return;
    mapping.invalidate();
    const hold = lock === null ? null : shownHold(this.buffers, lock);
    attached.port.unmap(attached, mapping.mapped, hold);
  }

  // ------------------------------------------------------------------------------------------- pins

  *#pin(call: Call): Operation<Answer> {
    const op = 'DynamicAttachment.pin';
    const guest = this.#guest(op, call);
    const { lock } = call;
    if (lock === null) throw fail('ENOLCK', op, {}, { why: 'the lock did not come along' });
    const pin = yield* pinOperation(op, guest.attached, lock);
    const id = this.buffers.exports.name();
    guest.pins.set(id, pin);
    return {
      write: (answer) => answer.putWord(id),
      undo: () => {
        guest.pins.delete(id);
        pin.unpin(lock);
      },
    };
  }

  #unpin(guest: Guest, id: number): void {
    const pin = guest.pins.get(id);
    if (pin === undefined) return;
    guest.pins.delete(id);
    this.#later(guest, (lock) => pin.unpin(lock));
  }

  /** With the lock, as soon as it is free: the caller may hold it, and does not wait for this. */
  #later({ attached }: Guest, work: (lock: HeldLock) => void): void {
    const { buffers } = this;
    const ended = buffers.background(withLock(buffers, attached.reference.resv, work));
    void ended.catch((error: unknown) => buffers.report(error));
  }
}

/** Waits for a promise of this very agent. An interrupt leaves it to go on by itself. */
function* settled(agent: Agent, key: number, promise: Promise<void>): Operation<void> {
  let outcome: { readonly error: unknown } | null = null;
  const over = (error: unknown): void => {
    outcome = { error };
    agent.ring(agent.slot, key);
  };
  promise.then(() => over(null), over);
  const interrupt = yield new TaskWait(agent, key, () => outcome !== null);
  if (interrupt !== null) throw interrupt.error('Attachment.detach');
  const { error } = outcome ?? { error: null };
  if (error !== null) throw error;
}
