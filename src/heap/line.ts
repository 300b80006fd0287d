// SPDX-License-Identifier: MIT
/**
 * heap/line — a waiting line across agents: for messages, for room, for a free buffer.
 *
 * Whoever has to wait draws a ticket, publishes it in a wait row, and looks again. Whoever brings something rings as many of
 * the first in the line as there is something for, so that they come at the same time and nobody else wakes. Nobody is handed
 * anything: each takes by its own CAS, so a waiter that dies, gives up or is blocked elsewhere holds up nothing. Those who are
 * running may overtake a waiter that has to wake up first, but only once: a waiter that comes too late sets HOLD, and from then
 * on everybody stands in line until the line is empty.
 *
 *    word: 0 ── a row ──▶ WANTED ── a waiter came too late ──▶ WANTED | HOLD ── nobody found in the line ──▶ 0
 *
 * Invariants  L1 while there is something and somebody waits, somebody is on the way: rung, or about to ring. So whoever leaves
 *             the line calls `wake` afterwards, with or without having got something: one behind it may have counted it as
 *             still before, and what there was as taken.
 *             L2 WANTED is set after a row was published, and by every later look of its owner.
 * Deaths      a row of the dead is emptied by the reaper, which rings everybody at the end; a death between WANTED taken back and the
 *             second look is mended by that.
 * Pairs       P20 see ring.   P21 waiter: row, then WANTED, then a look ↔ waker: WANTED taken back, then the rows again.
 */

import { type Agent, type Place, type Wait } from '../agent/index.js';
import { add, cas, load, or, type Words } from '../mem/index.js';

/** Low bits of a line's word; the others belong to whoever owns the word. */
export const LineFlag = { WANTED: 1, HOLD: 2 } as const;

const { WANTED, HOLD } = LineFlag;

/** Somebody in the line, as far as others can see. */
interface Candidate {
  readonly slot: number;
  readonly ticket: number;
}

export class Line {
  readonly #words: Words;
  /** Waits of this agent that are armed, first come first. */
  readonly #waiting: LineWait[] = [];

  /**
   * @param key   what wakers ring for.
   * @param word  the line's word in the arena.
   * @param ticket  the line's counter of tickets.
   * @param moved   a word that changes whenever something was taken.
   * @param has   is there something for that many? Reads shared words only.
   */
  constructor(
    readonly agent: Agent,
    readonly key: number,
    readonly word: number,
    readonly ticket: number,
    readonly moved: number,
    readonly has: (wanted: number) => boolean,
  ) {
    this.#words = agent.arena.words;
  }

  /** Has everybody to stand in line? */
  get held(): boolean {
    return (load(this.#words, this.word) & HOLD) !== 0;
  }

  /** May one who has not stood in the line take something now? Only if there is more than those in the line get. */
  admitsNewcomer(wanted = 1): boolean {
    if (!this.held) return true;
    const before = this.#others().length + (this.#waiting.length > 0 ? 1 : 0);
    return this.has(before + wanted);
  }

  /** Something has come, or somebody has left the line: as many as there is something for look again. Call it after the change. */
  wake(): void {
    const w = this.#words;
    for (;;) {
      const word = load(w, this.word); // P20
      if ((word & WANTED) === 0 || this.#ring()) return;
      if (cas(w, this.word, word, word & ~(WANTED | HOLD)) !== word) continue;
      if (!this.#ring()) return; // P21
      or(w, this.word, WANTED); // and again: somebody may have brought something meanwhile, and seen no WANTED
    }
  }

  /** This one was let in, and came too late. If it had been waiting in the line, nobody overtakes from now on. */
  lost(wait: LineWait): void {
    if (wait.placed) this.hold();
  }

  hold(): void {
    if (!this.held) or(this.#words, this.word, WANTED | HOLD);
  }

  /** Changes whenever something was taken. */
  get takes(): number {
    return load(this.#words, this.moved);
  }

  /** All waits of this agent look again, whatever their place. */
  ringOwn(): void {
    this.agent.ring(this.agent.slot, this.key);
  }

  /** Everybody looks again, whatever their place. */
  ringAll(): void {
    this.agent.wake(this.key);
  }

  draw(): number {
    return add(this.#words, this.ticket, 1);
  }

  // ------------------------------------------------------------------------------------------- this agent's waits

  /** Takes its place. Look at the condition afterwards. */
  enter(wait: LineWait): void {
    const waiting = this.#waiting;
    let index = waiting.length;
    while (index > 0 && precedes(wait, waiting[index - 1])) index--;
    waiting.splice(index, 0, wait);
    if (index === 0) this.#publish();
    this.mark();
  }

  leave(wait: LineWait): void {
    const index = this.#waiting.indexOf(wait);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    if (index === 0) this.#publish();
  }

  /** Says that somebody waits: after the row, before the look (L2). */
  mark(): void {
    if ((load(this.#words, this.word) & WANTED) === 0) or(this.#words, this.word, WANTED); // P21
  }

  /** How many came before this one. */
  before(wait: LineWait): number {
    let before = 0;
    for (const other of this.#others()) if (earlier(other.ticket, wait.place.ticket)) before++;
    for (const other of this.#waiting) if (other !== wait && precedes(other, wait)) before++;
    return before;
  }

  /** The first wait of this agent stands for it. */
  #publish(): void {
    const [first] = this.#waiting;
    if (first === undefined) this.agent.rows.remove(this.key);
    else this.agent.rows.put(this.key, first.place); // P20
  }

  // ------------------------------------------------------------------------------------------- everybody's rows

  /** Other agents in the line; those that are blocked in something else count as absent. */
  #others(): Candidate[] {
    return this.agent.rows.others(this.key);
  }

  /** Rings the first in line, as many as there is something for. @returns whether anybody waits */
  #ring(): boolean {
    const { agent, key } = this;
    const line = this.#others();
    const own = this.#waiting[0];
    const absent = agent.slots.word(agent.slot, 'blocked') !== 0;
    if (own !== undefined && !absent) line.push({ slot: agent.slot, ticket: own.place.ticket });
    line.sort((a, b) => (a.ticket - b.ticket) | 0);
    let rung = 0;
    for (const { slot } of line) {
      if (!this.has(rung + 1)) break;
      agent.ring(slot, key);
      rung++;
    }
    const more = this.#ringOverflowed();
    return line.length > 0 || own !== undefined || more;
  }

  /** Agents with more waits than rows are rung for everything. */
  #ringOverflowed(): boolean {
    const { agent } = this;
    let found = false;
    for (let slot = 0, used = agent.slots.used; slot < used; slot++) {
      if (slot === agent.slot || agent.slots.word(slot, 'overflow') === 0) continue;
      agent.ring(slot, this.key);
      found = true;
    }
    return found;
  }
}

/** One who stands in a line, or will: it keeps its ticket until it has got something. */
export class LineWait implements Wait {
  readonly keys: readonly number[];
  #place: Place | null = null;
  /** What had been taken when it was first in line and found nothing; else null. */
  #takes: number | null = null;

  /**
   * @param over      ends the wait whatever the place in the line; cheap.
   * @param blocking  waits in a blocking call: the agent's tasks cannot run meanwhile.
   * @param wanted    how many it needs at once.
   */
  constructor(
    readonly line: Line,
    readonly over: () => boolean,
    readonly blocking: boolean,
    readonly wanted = 1,
  ) {
    this.keys = [line.key];
  }

  get placed(): boolean {
    return this.#place !== null;
  }

  /** The place in the line; drawn when it is first needed. */
  get place(): Place {
    this.#place ??= { ticket: this.line.draw(), stamp: 0, flags: 0 };
    return this.#place;
  }

  ready(): boolean {
    if (this.over()) return true;
    const { line } = this;
    if (!line.held) return line.has(this.wanted);
    if (!this.placed) return line.admitsNewcomer(this.wanted);
    return line.has(line.before(this) + this.wanted);
  }

  arm(): boolean {
    this.line.enter(this);
    return this.over() || this.#look();
  }

  check(): boolean {
    this.line.mark();
    return this.over() || this.#look();
  }

  /** Is there something for this one, after those who came before it? */
  #look(): boolean {
    const { line } = this;
    const before = line.before(this);
    if (line.has(before + this.wanted)) return true;
    const takes = before === 0 ? line.takes : null;
    // First in line, and somebody else has got something: overtaken.
    if (takes !== null && this.#takes !== null && takes !== this.#takes) line.hold();
    this.#takes = takes;
    return false;
  }

  disarm(): void {
    this.line.leave(this);
  }

  pass(): void {
    this.line.wake();
  }
}

const earlier = (a: number, b: number): boolean => ((a - b) | 0) < 0;

/** A blocking wait goes before the agent's tasks: they cannot run before it is over. */
function precedes(a: LineWait, b: LineWait | undefined): boolean {
  if (b === undefined || a.blocking !== b.blocking) return a.blocking;
  return earlier(a.place.ticket, b.place.ticket);
}
