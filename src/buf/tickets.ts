// SPDX-License-Identifier: MIT
/**
 * buf/tickets — references on their way to another agent.
 *
 * A ticket row names a row of another table, such as a buffer; until it is opened, its sender holds the reference. Whoever
 * opens it takes a reference of its own first and the ticket last, so that the row is referred to at every moment, whoever
 * dies. Rows are used again as late as possible: who comes too late still learns why.
 *
 *   FREE ─▶ FILLING ─▶ OPEN ─┬─ opened ──▶ TAKEN ─ seen by the sender ─▶ OPENED
 *                            ├─ receiver died ─▶ LOST ─ seen by the sender ─▶ REVOKED
 *                            └─ taken back ─▶ REVOKED · sender gone ─▶ GONE       (OPENED, REVOKED, GONE: free again)
 *
 * Invariants  R1 the serial and the sender's slot stand in the state word: each step is one CAS of it.
 * Pairs       P6 receiver: own reference, then the ticket ↔ sender: the ticket is TAKEN, then its own reference.
 *             P8 sender: ticket OPEN, then is the receiver still there ↔ leaver: slot LEAVING, then all tickets.
 */

import type { Agent } from '../agent/index.js';
import { type DmaBufError, fail } from '../errors.js';
import { cas, load, RowFinder, raise, type Section, store, type Words } from '../mem/index.js';
import {
  BufControlLayout,
  BufControlSection,
  TicketLayout,
  TicketPhase,
  TicketSection,
} from './layout.js';

const ticket = TicketLayout.at;
const SIZE = TicketLayout.size;
const SERIALS = 0xf_ffff;

const WHY: Readonly<Record<number, string>> = {
  [TicketPhase.TAKEN]: 'the share was opened already: one ticket opens once',
  [TicketPhase.OPENED]: 'the share was opened already: one ticket opens once',
  [TicketPhase.LOST]: 'the member that the share was for has gone',
  [TicketPhase.REVOKED]: 'the share was revoked, or the member that it was for has gone',
  [TicketPhase.GONE]: 'the sender of the share has gone',
};

function pack(serial: number, slot: number, phase: number): number {
  return (serial << 12) | ((slot + 1) << 3) | phase;
}
const phaseOf = (state: number): number => state & 7;
const serialOf = (state: number): number => state >>> 12;
const senderOf = (state: number): number => ((state >>> 3) & 0x1ff) - 1;

function isReusable(phase: number): boolean {
  return phase === TicketPhase.FREE || phase >= TicketPhase.OPENED;
}

/** What tickets can be made for: this agent's reference to a shared row. */
export interface Referred {
  readonly row: number;
  readonly generation: number;
}

/** A table of tickets, and the word that says how many of its rows have been in use. */
export interface TicketTable {
  readonly section: Section;
  readonly control: Section;
  readonly used: number;
}

/** For one more reference to a buffer. */
const BUFFERS: TicketTable = {
  section: TicketSection,
  control: BufControlSection,
  used: BufControlLayout.at.tickets,
};

/** What an open ticket says. */
export interface TicketNote {
  readonly row: number;
  readonly generation: number;
  readonly readOnly: boolean;
  readonly to: number;
  readonly state: number;
}

export class Tickets<R extends Referred = Referred> {
  readonly #words: Words;
  readonly #base: number;
  readonly #used: number;
  readonly #finder: RowFinder;
  /** Tickets of this agent that nobody has opened, as far as it knows; it holds the reference for each. */
  readonly #sent = new Map<number, { readonly serial: number; readonly reference: R }>();

  constructor(
    readonly agent: Agent,
    /** Gives back what this agent held for a ticket. */
    readonly drop: (reference: R) => void,
    { section, control, used }: TicketTable = BUFFERS,
  ) {
    const { arena, slot } = agent;
    this.#words = arena.words;
    this.#base = arena.base(section);
    this.#used = arena.base(control) + used;
    this.#finder = new RowFinder(section.rows(arena.limits), slot * 64);
  }

  get limit(): number {
    return this.#finder.rows;
  }

  /** Tickets of this agent that are on their way. */
  get sent(): number {
    return this.#sent.size;
  }

  /** A new OPEN ticket; the caller has counted the reference that it stands for. @throws ENFILE */
  issue(op: string, reference: R, to: number, readOnly: boolean): [row: number, serial: number] {
    const claim = (row: number): boolean => this.#claim(row);
    let row = this.#finder.take(claim);
    if (row < 0) {
      this.sweep();
      row = this.#finder.take(claim);
    }
    if (row < 0) {
      const why = 'all tickets are on their way: open or revoke some, or raise limits.buffers';
      throw fail('ENFILE', op, { table: 'tickets', limit: this.limit }, { why });
    }
    const w = this.#words;
    const at = this.#base + row * SIZE;
    const serial = serialOf(load(w, at + ticket.state));
    store(w, at + ticket.row, reference.row);
    store(w, at + ticket.generation, reference.generation);
    store(w, at + ticket.to, to);
    store(w, at + ticket.rights, readOnly ? 1 : 0);
    this.#sent.set(row, { serial, reference });
    store(w, at + ticket.state, pack(serial, this.agent.slot, TicketPhase.OPEN)); // P8
    return [row, serial];
  }

  #claim(row: number): boolean {
    const w = this.#words;
    const at = this.#base + row * SIZE + ticket.state;
    const state = load(w, at);
    if (!isReusable(phaseOf(state))) return false;
    const serial = (serialOf(state) + 1) & SERIALS;
    raise(w, this.#used, row + 1); // before the claim: what the dead had is looked for below it
    const next = pack(serial, this.agent.slot, TicketPhase.FILLING);
    return cas(w, at, state, next) === state;
  }

  /** What an OPEN ticket says; look at the ticket again (`take`) before believing it. @throws ESTALE */
  read(op: string, row: number, serial: number): TicketNote {
    const w = this.#words;
    const at = this.#base + row * SIZE;
    const state = load(w, at + ticket.state);
    if (serialOf(state) !== serial || phaseOf(state) !== TicketPhase.OPEN) {
      throw this.#stale(op, row, serial);
    }
    return {
      row: load(w, at + ticket.row),
      generation: load(w, at + ticket.generation),
      readOnly: load(w, at + ticket.rights) === 1,
      to: load(w, at + ticket.to),
      state,
    };
  }

  /** OPEN → TAKEN, by who has a reference already. @throws ESTALE somebody was faster */
  take(op: string, row: number, note: TicketNote): void {
    const at = this.#base + row * SIZE + ticket.state;
    const taken = (note.state & ~7) | TicketPhase.TAKEN;
    if (cas(this.#words, at, note.state, taken) !== note.state) {
      throw this.#stale(op, row, serialOf(note.state)); // P6
    }
    const sender = senderOf(note.state);
    if (sender === this.agent.slot) this.sweep();
    else this.agent.note(sender);
  }

  #stale(op: string, row: number, serial: number): DmaBufError {
    const state = load(this.#words, this.#base + row * SIZE + ticket.state);
    const known = serialOf(state) === serial ? WHY[phaseOf(state)] : undefined;
    const why = known ?? 'the share is long over: opened, revoked, or its sender has gone';
    return fail('ESTALE', op, { ticket: row }, { why });
  }

  /** Takes an OPEN ticket of this agent back. @returns false: it was opened, or is not this agent's */
  revoke(row: number, serial: number): boolean {
    const sent = this.#sent.get(row);
    if (sent === undefined) return false;
    const open = pack(serial, this.agent.slot, TicketPhase.OPEN);
    const revoked = pack(serial, this.agent.slot, TicketPhase.REVOKED);
    const at = this.#base + row * SIZE + ticket.state;
    const back = cas(this.#words, at, open, revoked) === open;
    if (!back) this.sweep();
    else this.#settle(row, sent.reference);
    return back;
  }

  #settle(row: number, reference: R): void {
    this.#sent.delete(row);
    this.drop(reference);
  }

  /** Gives back what this agent held for tickets that were opened, or lost their receiver. */
  sweep(): void {
    const w = this.#words;
    for (const [row, { serial, reference }] of this.#sent) {
      const at = this.#base + row * SIZE + ticket.state;
      const state = load(w, at); // P6
      const phase = phaseOf(state);
      if (phase !== TicketPhase.TAKEN && phase !== TicketPhase.LOST) continue;
      const over = phase === TicketPhase.TAKEN ? TicketPhase.OPENED : TicketPhase.REVOKED;
      store(w, at, pack(serial, this.agent.slot, over));
      this.#settle(row, reference);
    }
  }

  /** For the reaper: tickets of a dead sender are over, those for it are lost. */
  reap(slot: number, tag: number): void {
    const w = this.#words;
    for (let row = 0, used = load(w, this.#used); row < used; row++) {
      const at = this.#base + row * SIZE;
      const state = load(w, at + ticket.state); // P8
      const phase = phaseOf(state);
      if (isReusable(phase)) continue;
      if (senderOf(state) === slot) {
        const over = phase === TicketPhase.TAKEN ? TicketPhase.OPENED : TicketPhase.GONE;
        if (cas(w, at + ticket.state, state, (state & ~7) | over) !== state) row--;
      } else if (phase === TicketPhase.OPEN && load(w, at + ticket.to) === tag) {
        const lost = (state & ~7) | TicketPhase.LOST;
        cas(w, at + ticket.state, state, lost); // its sender is rung with everybody, in the end
      }
    }
  }

  /** Tickets on their way, per row that they name. */
  inFlight(): Map<number, number> {
    const w = this.#words;
    const count = new Map<number, number>();
    for (let row = 0, used = load(w, this.#used); row < used; row++) {
      const at = this.#base + row * SIZE;
      if (phaseOf(load(w, at + ticket.state)) !== TicketPhase.OPEN) continue;
      const of = load(w, at + ticket.row);
      count.set(of, (count.get(of) ?? 0) + 1);
    }
    return count;
  }
}
