// SPDX-License-Identifier: MIT
/**
 * domain/members — the agents that this one started or adopted: spawning, watching, and ending them.
 */

import { type Agent, ObjectWait, type Operation, SlotState, until } from '../agent/index.js';
import type { Member } from '../buf/index.js';
import { fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import type { Json } from '../heap/index.js';
import { memberNumber, memberOf, scriptUrl, startWorker, type WorkerLike } from '../host/index.js';
import type { Events } from './events.js';
import {
  type Departure,
  type LocalMember,
  type Loss,
  makeMember,
  memberKey,
  neverJoined,
} from './member.js';
import { nameOf } from './options.js';

/** Milliseconds that spawn() waits for Domain.join(), unless told otherwise. */
const JOIN_TIMEOUT = 10_000;

export interface SpawnOptions extends WaitOptions {
  readonly as?: 'thread' | 'process';
  readonly name?: string;
  readonly data?: Json;
}

/** What a spawned thread needs to join. */
export interface Heritage {
  readonly arena: SharedArrayBuffer;
  readonly heap: SharedArrayBuffer;
  readonly debug: boolean;
  readonly stallAfter: number;
}

export class Members {
  readonly #all = new Set<LocalMember>();
  readonly #spawned = new Set<LocalMember>();
  #serial = 0;

  constructor(
    readonly agent: Agent,
    readonly events: Events,
  ) {}

  list(): readonly Member[] {
    return [...this.#all];
  }

  /** What is to be waited for has been checked. */
  async spawn(script: URL | string, options: SpawnOptions, heritage: Heritage): Promise<Member> {
    const op = 'Domain.spawn';
    const { timeout = JOIN_TIMEOUT } = options;
    checkKind(options.as);
    const name = this.#nameFor(op, options.name);
    const url = scriptUrl(script);
    const failed = new AbortController();
    const inherited = {
      dmabuf: 'spawn',
      arena: heritage.arena,
      heap: heritage.heap,
      debug: heritage.debug,
      stallAfter: heritage.stallAfter,
      name,
      data: options.data ?? null,
    } as const;
    const worker = startWorker(url, inherited, (code, error) => {
      failed.abort(neverJoined(name, code, error));
      const reason = error instanceof Error ? error.message : `exit code ${code}`;
      member.ended(reason, code === 0 && error === undefined);
    });
    const member = this.#add({
      name,
      id: worker.threadId,
      host: worker,
      number: memberNumber(worker.threadId),
      terminate: () => worker.terminate(),
    });
    this.#spawned.add(member);
    const abort = (): void => failed.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', abort);
    try {
      const joined = this.#joined(member, worker.threadId, name);
      await this.agent.run(op, joined, { timeout, signal: failed.signal });
    } catch (error) {
      await member.kill();
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', abort);
    }
    return member;
  }

  /** @throws EINVAL · EEXIST */
  #nameFor(op: string, given: string | undefined): string {
    if (given === undefined) {
      let made: string;
      do made = `worker-${++this.#serial}`;
      while (this.#isTaken(made));
      return made;
    }
    const name = nameOf(op, given);
    if (!this.#isTaken(name)) return name;
    const why = 'a member of that name lives: choose another name, or await its `gone` first';
    throw fail('EEXIST', op, { name }, { why });
  }

  /** Those that start here have no slot yet; those that others started are not in our list. */
  #isTaken(name: string): boolean {
    for (const member of this.#all) if (member.name === name) return true;
    const { slots } = this.agent;
    for (let slot = 0, { used } = slots; slot < used; slot++) {
      const lives = slots.state(slot) === SlotState.LIVE && slots.name(slot) === name;
      if (lives && !slots.isDead(slot)) return true;
    }
    return false;
  }

  *#joined(member: LocalMember, threadId: number, name: string): Operation<void> {
    const key = memberKey(memberNumber(threadId));
    const wait = new ObjectWait(this.agent, [key], () => member.find() >= 0);
    yield* until(wait, 'Domain.spawn', { member: name });
  }

  adopt(worker: WorkerLike): Member {
    const op = 'Domain.adopt';
    const like = worker as Partial<WorkerLike> | null | undefined;
    if (typeof like?.on !== 'function' || typeof like.terminate !== 'function') {
      throw fail(
        'EINVAL',
        op,
        { worker: shown(worker) },
        { why: 'worker must be a node:worker_threads Worker' },
      );
    }
    const known = [...this.#all].find((member) => member.host === worker);
    if (known !== undefined) {
      known.find();
      return known;
    }
    const number = memberOf(worker);
    if (number === 0)
      throw fail('EINVAL', op, {}, { why: 'this Worker has ended, or tells no threadId' });
    const id = number & 0x3fff_ffff;
    const terminate = (): Promise<number> => worker.terminate();
    const member = this.#add({ name: `worker-${id}`, id, host: worker, number, terminate });
    const ended = new AbortController();
    worker.on('exit', (code) => {
      ended.abort();
      member.ended(`exit code ${code}`, code === 0);
    });
    // From its joining on it is known to be watched, whenever that is.
    const joined = this.#joined(member, id, member.name);
    this.agent.run(op, joined, { signal: ended.signal }).catch(() => undefined);
    return member;
  }

  #add(who: {
    readonly name: string;
    readonly id: number;
    readonly host: unknown;
    readonly number: number;
    readonly terminate: () => Promise<unknown>;
  }): LocalMember {
    const onGone = (gone: LocalMember, departure: Departure, loss: Loss): void => {
      this.#all.delete(gone);
      this.#spawned.delete(gone);
      if (departure.clean) return;
      this.events.emit('member-lost', { member: gone.name, reason: departure.reason, ...loss });
    };
    const member = makeMember({ ...who, agent: this.agent, onGone });
    this.#all.add(member);
    return member;
  }

  /** Those that this agent spawned end with it. */
  async killSpawned(): Promise<void> {
    await Promise.all([...this.#spawned].map((member) => member.kill()));
  }
}

function checkKind(as: unknown): void {
  if (as === undefined || as === 'thread') return;
  if (as === 'process') {
    const why = 'this version spawns threads: { as: "thread" }';
    throw fail('ENOTSUP', 'Domain.spawn', { as }, { why });
  }
  throw fail(
    'EINVAL',
    'Domain.spawn',
    { as: shown(as) },
    { why: 'as must be "thread" or "process"' },
  );
}
