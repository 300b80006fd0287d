// SPDX-License-Identifier: MIT
/**
 * domain/entry — how a thread enters a domain: with a new arena, with what it was spawned with, or with a handle.
 */

import type { Processes } from '../agent/index.js';
import { fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import { type HeapMemory, type Json, oneSlab } from '../heap/index.js';
import {
  debugByDefault,
  inheritance,
  insist,
  isMain,
  ownClock,
  type ProcessHeritage,
  processHeritage,
  processSupport,
  type SealedFiles,
  threadName,
  threadSupport,
} from '../host/index.js';
import { Arena, byteLength, writeText } from '../mem/index.js';
import { DOMAIN_NAME_BYTES, DomainLayout, DomainSection, SECTIONS } from './layout.js';
import { Membership, shareStation } from './membership.js';
import {
  admissionOf,
  type DomainOptions,
  limitsOf,
  nameOf,
  PAGE,
  stallAfterOf,
} from './options.js';
import type { StationPart } from './station-part.js';

/** Milliseconds that a spawned process tries to get in; its spawner gives up on its own. */
const HEIR_PATIENCE = 10_000;

/** Lets another thread of this process join: put it into workerData or a message. Structured-cloneable. Not for processes. */
export interface DomainHandle {
  readonly dmabuf: 'domain';
  readonly arena: SharedArrayBuffer;
  readonly heap: SharedArrayBuffer;
  /** @internal In a domain of processes: what the threads of this process share. */
  readonly process?: StationPart | null;
}

/** How an agent enters: create() and join() differ only in where this comes from. */
export interface Entry {
  readonly arena: Arena;
  readonly heapMemory: HeapMemory;
  /** Null in a domain of threads. */
  readonly process: StationPart | null;
  readonly processes: Processes | null;
  /** Memory that others can only read; null in a domain of threads. */
  readonly sealed: SealedFiles | null;
  /** Set for the agent that came by the socket, or founded the domain: it keeps the station. */
  readonly membership: Membership | null;
  readonly agent: string;
  readonly data: Json;
  readonly debug: boolean;
  readonly stallAfter: number;
}

/** Of a domain of threads. */
const THREADS = { process: null, processes: null, sealed: null, membership: null } as const;

/** A new arena and a new heap. @throws ENOTSUP · EINVAL · ENOMEM · EBUSY a domain lives at that path · EACCES */
export async function createEntry(options: DomainOptions): Promise<Entry> {
  const op = 'Domain.create';
  const support = threadSupport();
  if (!support.ok) throw fail('ENOTSUP', op, {}, { why: `${support.why}: ${support.remedy}` });
  const limits = limitsOf(options);
  const stallAfter = stallAfterOf(options);
  const admission = admissionOf(options);
  const { name: given = 'main' } = options;
  const name = nameOf(op, given);
  const [high = 0, low = 0] = crypto.getRandomValues(new Int32Array(2));
  const debug = options.debug ?? debugByDefault();
  const terms = { agent: 'main', data: null, debug, stallAfter };
  if (admission !== null) {
    needProcesses(op);
    const founded = Membership.found(admission, limits, [high, low]);
    describe(founded.arena, name);
    return { ...founded.entry, ...terms };
  }
  const arena = Arena.create(SECTIONS, limits, [high, low]);
  describe(arena, name);
  return { arena, heapMemory: oneSlab(heapOf(limits.pages)), ...THREADS, ...terms };
}

/**
 * The arena and the heap of somebody else.
 * @throws ENOENT nobody spawned this agent, or nobody listens · EINVAL · EPROTO · EPROTONOSUPPORT · ENOTSUP · EACCES · ETIMEDOUT
 */
export async function joinEntry(
  from: DomainHandle | string | undefined,
  options: WaitOptions,
): Promise<Entry> {
  if (typeof from === 'string') return joinByPath(from, options);
  const heritage = from === undefined ? processHeritage() : null;
  if (heritage !== null) return joinByHeritage(heritage, options);
  return joinAsThread(from);
}

/** Another program. */
async function joinByPath(path: string, options: WaitOptions): Promise<Entry> {
  needProcesses('Domain.join');
  const { entry } = await Membership.enter(path, { ...options, patient: false });
  const terms = { debug: debugByDefault(), stallAfter: stallAfterOf({}) };
  return { ...entry, agent: `process-${process.pid}`, data: null, ...terms };
}

/** What a member has spawned. */
async function joinByHeritage(heritage: ProcessHeritage, options: WaitOptions): Promise<Entry> {
  needProcesses('Domain.join');
  const { path, owner, name, data, debug, stallAfter } = heritage;
  // Who spawned us lives in the domain: if nobody listens, somebody is just taking over.
  const { entry } = await Membership.enter(path, {
    timeout: HEIR_PATIENCE,
    ...options,
    patient: true,
    owner,
  });
  return { ...entry, agent: name, data: data as Json, debug, stallAfter };
}

function joinAsThread(from: DomainHandle | undefined): Entry {
  const op = 'Domain.join';
  const inherited = from === undefined ? inheritance() : null;
  if (from === undefined && inherited === null) {
    const why = 'no domain spawned this thread or process: pass the handle of one, or its path';
    throw fail('ENOENT', op, {}, { why });
  }
  const memory: unknown = inherited ?? from;
  if (!isHandle(memory)) {
    throw fail(
      'EINVAL',
      op,
      { from: shown(from) },
      { why: 'from must be the handle of a domain, or its path' },
    );
  }
  const arena = Arena.open(memory.arena, SECTIONS);
  const part = memory.process ?? null;
  return {
    arena,
    ...(part === null
      ? { heapMemory: oneSlab(memory.heap), ...THREADS }
      : shareStation(arena, part)),
    agent: inherited?.name ?? threadName(),
    data: (inherited?.data ?? null) as Json,
    debug: inherited?.debug ?? debugByDefault(),
    stallAfter: inherited?.stallAfter ?? stallAfterOf({}),
  };
}

/** What `join` makes of it; what the entry has is given back when that fails. */
export function enter<T>(entry: Entry, join: (entry: Entry) => T): T {
  try {
    return join(entry);
  } catch (error) {
    entry.membership?.close();
    throw error;
  }
}

export function handleOf({ arena, heapMemory, process }: Entry): DomainHandle {
  const heap = heapMemory.slabs[0] as SharedArrayBuffer;
  const handle = { dmabuf: 'domain', arena: arena.memory, heap } as const;
  return Object.freeze(process === null ? handle : { ...handle, process });
}

/** @throws ENOTSUP */
function needProcesses(op: string): void {
  if (!isMain()) {
    // What the system calls of a thread have opened stays open when it is ended: nobody would notice that its station is gone.
    const why =
      'only the main thread brings its process into a domain: do it there, and join here with the handle of that domain';
    throw fail('ENOTSUP', op, {}, { why });
  }
  insist();
  const support = processSupport();
  if (!support.ok) throw fail('ENOTSUP', op, {}, { why: `${support.why}: ${support.remedy}` });
}

function isHandle(value: unknown): value is Omit<DomainHandle, 'dmabuf'> {
  if (typeof value !== 'object' || value === null) return false;
  const { arena, heap } = value as { arena?: unknown; heap?: unknown };
  return arena instanceof SharedArrayBuffer && heap instanceof SharedArrayBuffer;
}

function heapOf(pages: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(pages * PAGE);
  } catch (cause) {
    throw fail('ENOMEM', 'Domain.create', { bytes: pages * PAGE }, { cause });
  }
}

/** What is the same for all who join. */
function describe(arena: Arena, name: string): void {
  const base = arena.base(DomainSection);
  writeText(arena.words, base + DomainLayout.at.name, clip(name));
  arena.floats[(base + DomainLayout.at.clock) >> 1] = ownClock();
}

/** The clock that all agents of a domain go by. */
export function clockOf(arena: Arena): number | undefined {
  return arena.floats[(arena.base(DomainSection) + DomainLayout.at.clock) >> 1];
}

/** Names of domains are for people: too long is cut, not refused. */
function clip(name: string): string {
  let clipped = name;
  while (byteLength(clipped) > DOMAIN_NAME_BYTES) clipped = clipped.slice(0, -1);
  return clipped;
}
