// SPDX-License-Identifier: MIT
/**
 * domain/entry — how a thread enters a domain: with a new arena, with what it was spawned with, or with a handle.
 */

import { fail, shown } from '../errors.js';
import { type HeapMemory, type Json, oneSlab } from '../heap/index.js';
import {
  debugByDefault,
  inheritance,
  processSupport,
  threadName,
  threadSupport,
} from '../host/index.js';
import { Arena, byteLength, writeText } from '../mem/index.js';
import { DOMAIN_NAME_BYTES, DomainSection, SECTIONS } from './layout.js';
import { type DomainOptions, limitsOf, nameOf, PAGE, stallAfterOf } from './options.js';

/** Lets another thread of this process join: put it into workerData or a message. Structured-cloneable. Not for processes. */
export interface DomainHandle {
  readonly dmabuf: 'domain';
  readonly arena: SharedArrayBuffer;
  readonly heap: SharedArrayBuffer;
}

/** How a thread enters: create() and join() differ only in where this comes from. */
export interface Entry {
  readonly arena: Arena;
  readonly heap: SharedArrayBuffer;
  readonly heapMemory: HeapMemory;
  readonly agent: string;
  readonly data: Json;
  readonly debug: boolean;
  readonly stallAfter: number;
}

/** A new arena and a new heap. @throws ENOTSUP · EINVAL · ENOMEM */
export function createEntry(options: DomainOptions): Entry {
  const op = 'Domain.create';
  const support = threadSupport();
  if (!support.ok) throw fail('ENOTSUP', op, {}, { why: `${support.why}: ${support.remedy}` });
  if (options.processes !== undefined && options.processes !== false) noProcesses(op);
  const limits = limitsOf(options);
  const stallAfter = stallAfterOf(options);
  const { name: given = 'main' } = options;
  const name = nameOf(op, given);
  const [high = 0, low = 0] = crypto.getRandomValues(new Int32Array(2));
  const arena = Arena.create(SECTIONS, limits, [high, low]);
  writeText(arena.words, arena.base(DomainSection), clip(name));
  const debug = options.debug ?? debugByDefault();
  const heap = heapOf(limits.pages);
  const heapMemory = oneSlab(heap);
  return { arena, heap, heapMemory, agent: 'main', data: null, debug, stallAfter };
}

/** The arena and the heap of somebody else. @throws ENOENT · EINVAL · EPROTO · EPROTONOSUPPORT · ENOTSUP */
export function joinEntry(from: DomainHandle | string | undefined): Entry {
  const op = 'Domain.join';
  if (typeof from === 'string') noProcesses(op);
  const inherited = from === undefined ? inheritance() : null;
  if (from === undefined && inherited === null) {
    const why = 'no domain spawned this thread: pass the handle of one, Domain.join(handle)';
    throw fail('ENOENT', op, {}, { why });
  }
  const memory: unknown = inherited ?? from;
  if (!isHandle(memory)) {
    throw fail('EINVAL', op, { from: shown(from) }, { why: 'from must be the handle of a domain' });
  }
  return {
    arena: Arena.open(memory.arena, SECTIONS),
    heap: memory.heap,
    heapMemory: oneSlab(memory.heap),
    agent: inherited?.name ?? threadName(),
    data: (inherited?.data ?? null) as Json,
    debug: inherited?.debug ?? debugByDefault(),
    stallAfter: inherited?.stallAfter ?? stallAfterOf({}),
  };
}

function noProcesses(op: string): void {
  const support = processSupport();
  if (!support.ok) throw fail('ENOTSUP', op, {}, { why: `${support.why}: ${support.remedy}` });
}

function isHandle(value: unknown): value is { arena: SharedArrayBuffer; heap: SharedArrayBuffer } {
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

/** Names of domains are for people: too long is cut, not refused. */
function clip(name: string): string {
  let clipped = name;
  while (byteLength(clipped) > DOMAIN_NAME_BYTES) clipped = clipped.slice(0, -1);
  return clipped;
}
