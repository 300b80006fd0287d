// SPDX-License-Identifier: MIT
/** Calls to exporters in other threads: an exporter that misbehaves as it is told, and every call that may reach it. */
import {
  type Attachment,
  type DmaBuf,
  DmaBufError,
  type Domain,
  type DynamicAttachment,
  type ResvLock,
} from 'dmabuf';
import { expect } from 'vitest';
import { Actor, type SceneData } from './actor.js';
import { Board } from './board.js';
import { withDomain } from './with-domain.js';

const CALLBACKS = [
  'attach',
  'detach',
  'map',
  'unmap',
  'pin',
  'unpin',
  'beginCpuAccess',
  'endCpuAccess',
  'release',
] as const;
export type Callback = (typeof CALLBACKS)[number];

/** How often each callback was called, in memory that can be looked at whoever is blocked; and a gate. */
export class Tally {
  readonly #board: Board;

  constructor(domain: Domain) {
    this.#board = new Board(domain);
  }

  share(): SceneData[string] {
    return this.#board.share();
  }

  of(callback: Callback): number {
    return Atomics.load(this.#board.words, CALLBACKS.indexOf(callback));
  }

  /** Callbacks that block go on. */
  openGate(): void {
    Atomics.store(this.#board.words, CALLBACKS.length, 1);
  }

  /** Whatever was begun has been ended. */
  expectBalance(): void {
    const pairs = [
      ['attach', 'detach'],
      ['map', 'unmap'],
      ['pin', 'unpin'],
      ['beginCpuAccess', 'endCpuAccess'],
    ] as const;
    for (const [begun, ended] of pairs) {
      expect([begun, this.of(begun)]).toEqual([begun, this.of(ended)]);
    }
    expect(this.of('release')).toBe(1);
  }

  close(): void {
    this.#board[Symbol.dispose]();
  }
}

export interface Neighbour {
  readonly domain: Domain;
  readonly actor: Actor;
  /** What it exports. */
  readonly there: DmaBuf;
  readonly tally: Tally;
  /** It ends in order, and has released its buffer. */
  ends(): Promise<void>;
}

/** Runs `test` beside a thread that exports, as `data` says; afterwards nothing may be left. */
export async function withExporter(
  data: SceneData,
  test: (scene: Neighbour) => Promise<void>,
  more: (domain: Domain) => readonly DmaBuf[] = () => [],
): Promise<void> {
  await withDomain({}, async (domain) => {
    const tally = new Tally(domain);
    const buffers = more(domain).map((buf) => buf.share());
    const whole = { ...data, buffers, tally: tally.share() };
    const actor = await Actor.start(domain, 'exporters.mjs', 'exporter', whole);
    const share = (await actor.hear('ready')) as Parameters<Domain['open']>[0];
    const there = await domain.open(share);
    const ends = async (): Promise<void> => {
      there.close();
      await domain.idle();
      actor.tell('end');
      await actor.finished();
    };
    await test({ domain, actor, there, tally, ends });
    there.close();
    await actor.member.kill();
    tally.close();
  });
}

/** A call, and the callback that it comes to. */
export interface Call {
  readonly which: Callback;
  readonly dynamic: boolean;
  /** It blocks the thread. */
  readonly sync: boolean;
  /** What has to be attached before. */
  readonly by: 'static' | 'dynamic' | null;
  run(there: DmaBuf, att: unknown, lock: ResvLock): unknown;
}

const importer = { moveNotify: () => undefined };
const fixed = (att: unknown): Attachment => att as Attachment;
const moving = (att: unknown): DynamicAttachment => att as DynamicAttachment;

export const CALLS: Readonly<Record<string, Call>> = {
  'DmaBuf.attach': {
    which: 'attach',
    dynamic: false,
    sync: false,
    by: null,
    run: (there) => there.attach('enc'),
  },
  'DmaBuf.attachSync': {
    which: 'attach',
    dynamic: false,
    sync: true,
    by: null,
    run: (there) => there.attachSync('enc'),
  },
  'Attachment.map': {
    which: 'map',
    dynamic: false,
    sync: false,
    by: 'static',
    run: (_there, att) => fixed(att).map('to-device'),
  },
  'Attachment.mapSync': {
    which: 'map',
    dynamic: false,
    sync: true,
    by: 'static',
    run: (_there, att) => fixed(att).mapSync('to-device'),
  },
  'DynamicAttachment.map': {
    which: 'map',
    dynamic: true,
    sync: false,
    by: 'dynamic',
    run: (_there, att, lock) => moving(att).map(lock, 'to-device'),
  },
  'DynamicAttachment.mapSync': {
    which: 'map',
    dynamic: true,
    sync: true,
    by: 'dynamic',
    run: (_there, att, lock) => moving(att).mapSync(lock, 'to-device'),
  },
  'DynamicAttachment.pin': {
    which: 'pin',
    dynamic: true,
    sync: false,
    by: 'dynamic',
    run: (_there, att, lock) => moving(att).pin(lock),
  },
  'DmaBuf.cpuAccess': {
    which: 'beginCpuAccess',
    dynamic: true,
    sync: false,
    by: null,
    run: (there) => there.cpuAccess('read'),
  },
  'DmaBuf.cpuAccessSync': {
    which: 'beginCpuAccess',
    dynamic: true,
    sync: true,
    by: null,
    run: (there) => there.cpuAccessSync('read'),
  },
};

/** A call that has been prepared. */
export interface Prepared {
  readonly lock: ResvLock | null;
  /** Makes it. @returns what it threw, or undefined */
  ask(): Promise<unknown>;
  /** Closes all there is. */
  end(): Promise<void>;
}

/** Where an exporter has little time, and the machine is slow: until it was in time. */
export async function inTime<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!DmaBufError.is(error, 'ETIMEDOUT')) throw error;
    }
  }
}

/** In time or late: then it goes on behind, and ends. */
export async function detached(att: Pick<Attachment, 'detach'>): Promise<void> {
  await att.detach().catch((error: unknown) => {
    if (!DmaBufError.is(error, 'ETIMEDOUT')) throw error;
  });
}

export async function prepare({ by, run }: Call, there: DmaBuf): Promise<Prepared> {
  const att =
    by === 'static'
      ? await inTime(() => there.attach('enc'))
      : by === 'dynamic'
        ? await inTime(() => there.dynamicAttach('gpu', importer))
        : null;
  const lock = by === 'dynamic' ? await there.resv.lock() : null;
  let got: unknown = null;
  return {
    lock,
    async ask() {
      try {
        got = await run(there, att, lock as ResvLock);
        return undefined;
      } catch (error) {
        return error;
      }
    },
    async end() {
      const given = got as Partial<Disposable & AsyncDisposable> | null;
      if (given?.[Symbol.asyncDispose] === undefined) given?.[Symbol.dispose]?.();
      else await given[Symbol.asyncDispose]?.();
      lock?.unlock();
      if (att !== null) await detached(att);
    },
  };
}

/** Nobody has the lock, and nobody died with it. */
export async function lockIsFree(buf: DmaBuf): Promise<void> {
  using lock = await buf.resv.lock();
  expect(lock.ownerDied).toBe(false);
}
