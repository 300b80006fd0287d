// SPDX-License-Identifier: MIT
/**
 * domain/members — the agents that this one started or adopted: spawning, watching, and ending them.
 */

import { type Agent, ObjectWait, type Operation, SlotState, until } from '../agent/index.js';
import type { Member } from '../buf/index.js';
import { fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import type { Json } from '../heap/index.js';
import {
  isShared,
  memberNumber,
  memberOf,
  processNumber,
  scriptUrl,
  startProcess,
  startWorker,
  type WorkerLike,
} from '../host/index.js';
import type { Events } from './events.js';
import type { Loss } from './loss.js';
import { type Departure, type LocalMember, makeMember, memberKey, neverJoined } from './member.js';
import { nameOf } from './options.js';
import type { StationPart } from './station-part.js';

/** Milliseconds that spawn() waits for Domain.join(), unless told otherwise. */
const JOIN_TIMEOUT = 10_000;

export interface SpawnOptions extends WaitOptions {
  readonly as?: 'thread' | 'process';
  readonly name?: string;
  readonly data?: Json;
}

/** What a spawned agent needs to join. */
export interface Heritage {
  readonly arena: SharedArrayBuffer;
  readonly heap: SharedArrayBuffer;
  /** Null in a domain of threads. */
  readonly process: StationPart | null;
  readonly debug: boolean;
  readonly stallAfter: number;
}

/** What runs, and how it is ended. */
interface Started {
  readonly as: 'thread' | 'process';
  readonly id: number;
  readonly host: unknown;
  /** The number it joins with. */
  readonly number: number;
  readonly terminate: () => Promise<unknown>;
}

/** Told once: how it ended. `cause`: the error that ended it, if it is known. */
type OnEnd = (reason: string, code: number | null, cause: unknown) => void;

export class Members {
  readonly #all = new Set<LocalMember>();
  readonly #spawned = new Set<LocalMember>();
  #serial = 0;

  constructor(
    readonly agent: Agent,
    readonly events: Events,
    /** Of this process, as slots tell it; 0 in a domain of threads. */
    readonly pid: number,
  ) {}

  list(): readonly Member[] {
    return [...this.#all];
  }

  /** What is to be waited for has been checked. */
  async spawn(script: URL | string, options: SpawnOptions, heritage: Heritage): Promise<Member> {
    const op = 'Domain.spawn';
    const { timeout = JOIN_TIMEOUT } = options;
    const start = starter(options.as, heritage);
    const name = this.#nameFor(op, options.name);
    const url = scriptUrl(script);
    const failed = new AbortController();
    const started = start(url, name, options.data ?? null, (reason, code, cause) => {
      failed.abort(neverJoined(name, reason, cause));
      member.ended(reason, code === 0 && cause === undefined);
    });
    const member = this.#add({
      ...started,
      name,
      pid: started.as === 'process' ? started.id : this.pid,
    });
    this.#spawned.add(member);
    const abort = (): void => failed.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', abort);
    try {
      const joined = this.#joined(member, started.number);
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

  *#joined(member: LocalMember, number: number): Operation<void> {
    const wait = new ObjectWait(this.agent, [memberKey(number)], () => member.find() >= 0);
    yield* until(wait, 'Domain.spawn', { member: member.name });
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
    const name = `worker-${id}`;
    const { pid } = this;
    const member = this.#add({ as: 'thread', name, id, host: worker, number, pid, terminate });
    const ended = new AbortController();
    worker.on('exit', (code) => {
      ended.abort();
      member.ended(`exit code ${code}`, code === 0);
    });
    // From its joining on it is known to be watched, whenever that is.
    const joined = this.#joined(member, number);
    this.agent.run(op, joined, { signal: ended.signal }).catch(() => undefined);
    return member;
  }

  #add(who: Started & { readonly name: string; readonly pid: number }): LocalMember {
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

type Starter = (script: URL, name: string, data: Json, onEnd: OnEnd) => Started;

/** @throws ENOTSUP this domain is of threads · EINVAL */
function starter(as: unknown, heritage: Heritage): Starter {
  const op = 'Domain.spawn';
  if (as === undefined || as === 'thread') {
    if (isShared(heritage.arena)) return (...start) => startThreadOf(heritage, ...start);
    const why =
      'this process shares its memory with other processes only: WebAssembly is off (--jitless) or address space is limited (ulimit -v)';
    throw fail('ENOTSUP', op, { as: 'thread' }, { why });
  }
  if (as !== 'process') {
    const why = 'as must be "thread" or "process"';
    throw fail('EINVAL', op, { as: shown(as) }, { why });
  }
  const { process } = heritage;
  if (process === null) {
    const why = 'this domain is of threads: make it with Domain.create({ processes: true })';
    throw fail('ENOTSUP', op, { as }, { why });
  }
  return (...start) => startProcessOf(heritage, process, ...start);
}

function startThreadOf(
  heritage: Heritage,
  ...[script, name, data, onEnd]: Parameters<Starter>
): Started {
  const inherited = { dmabuf: 'spawn', ...heritage, name, data } as const;
  const worker = startWorker(script, inherited, (code, error) => {
    onEnd(error instanceof Error ? error.message : `exit code ${code}`, code, error);
  });
  return {
    as: 'thread',
    id: worker.threadId,
    host: worker,
    number: memberNumber(worker.threadId),
    terminate: () => worker.terminate(),
  };
}

function startProcessOf(
  { debug, stallAfter }: Heritage,
  { path, owner }: StationPart,
  ...[script, name, data, onEnd]: Parameters<Starter>
): Started {
  const heritage = { dmabuf: 'spawn', path, owner, name, data, debug, stallAfter } as const;
  const child = startProcess(script, heritage, onEnd);
  const { pid = 0 } = child;
  return {
    as: 'process',
    id: pid,
    host: child,
    number: processNumber(pid),
    terminate: async () => child.kill('SIGKILL'),
  };
}
