// SPDX-License-Identifier: MIT
/**
 * domain/options — what Domain.create may be told, checked, as limits of the arena.
 */

import { checkInteger, checkObject, fail, shown } from '../errors.js';
import type { Limits } from '../mem/index.js';
import { MOST_USERS } from './layout.js';

export interface DomainOptions {
  /** Shows in bufinfo and in the inspector. Default: "main". */
  readonly name?: string;
  /** Bytes of the system heap. Address space only: a page costs memory when it is first touched. Default 256 MiB. */
  readonly heap?: number;
  /** Upper limits of the tables. Defaults: 65 536 buffers, 256 agents, 65 536 timelines, 4 096 channels. */
  readonly limits?: {
    readonly buffers?: number;
    readonly agents?: number;
    readonly timelines?: number;
    readonly channels?: number;
  };
  /** true: also processes that we spawn. A path: also unrelated processes of this uid, by Domain.join(path). Needs koffi and Linux. */
  readonly processes?: boolean | string;
  /** Ids of users whose processes may join, too, besides this one's. They can do to the domain whatever its own members can. */
  readonly users?: readonly number[];
  /** A wait longer than this fires a "stall" event with the wait graph; it changes nothing else. Default 5 000. */
  readonly stallAfter?: number;
  /**
   * Keeps the creation stacks of what is open (buffers, accesses, attachments, deliveries, locks), for "leak" events. It costs, and
   * changes nothing else; misuse of locks is reported to tests of the room only. Default: NODE_ENV === "test".
   */
  readonly debug?: boolean;
}

export const PAGE = 4096;
const OP = 'Domain.create';
/** Page lengths have 22 bits in a descriptor. */
const MAX_HEAP = PAGE * (2 ** 22 - 1);
const WAIT_ROWS = 4096;

/** Default and largest value of each limit: slots have 8 bits + 1 in owner words, buffers and timelines 20. */
const TABLES = {
  agents: { standard: 256, most: 256 },
  buffers: { standard: 65_536, most: 2 ** 20 },
  timelines: { standard: 65_536, most: 2 ** 20 },
  channels: { standard: 4096, most: 65_536 },
} as const;

/** @throws EINVAL naming the option and its value */
export function limitsOf(options: DomainOptions): Limits {
  const heap = checkInteger(OP, 'heap', options.heap ?? 256 * 2 ** 20, PAGE, MAX_HEAP);
  const { limits: given = {} } = options;
  checkObject(OP, 'limits', given);
  const limit = (table: keyof typeof TABLES): number =>
    checkInteger(
      OP,
      `limits.${table}`,
      given[table] ?? TABLES[table].standard,
      table === 'agents' ? 2 : 1,
      TABLES[table].most,
    );
  return {
    agents: limit('agents'),
    buffers: limit('buffers'),
    timelines: limit('timelines'),
    channels: limit('channels'),
    pages: Math.ceil(heap / PAGE),
    waitRows: WAIT_ROWS,
  };
}

/** Where processes come in, and whose. */
export interface Admission {
  /** true: a place of our own. */
  readonly where: true | string;
  /** Ids of users who may join besides our own. */
  readonly users: readonly number[];
}

/** null: this domain is of threads. @throws EINVAL */
export function admissionOf({ processes = false, users = [] }: DomainOptions): Admission | null {
  const named = Array.isArray(users) && users.every((user) => Number.isInteger(user) && user >= 0);
  if (!named || users.length > MOST_USERS) {
    const why = `users must be ids of users, at most ${MOST_USERS}`;
    throw fail('EINVAL', OP, { users: shown(users) }, { why });
  }
  if (processes === false && users.length === 0) return null;
  if (processes === true || (typeof processes === 'string' && processes.length > 0))
    return { where: processes, users };
  const why =
    processes === false
      ? 'users can only join a domain of processes: say processes, too'
      : 'processes must be true, or the path of a socket';
  throw fail('EINVAL', OP, { processes: shown(processes) }, { why });
}

export function stallAfterOf(options: DomainOptions): number {
  const { stallAfter = 5000 } = options;
  if (typeof stallAfter === 'number' && stallAfter > 0) return stallAfter;
  throw fail(
    'EINVAL',
    OP,
    { stallAfter: shown(stallAfter) },
    { why: 'stallAfter must be milliseconds, > 0' },
  );
}

/** A name for people: any text. */
export function nameOf(op: string, name: unknown): string {
  if (typeof name === 'string' && name.length > 0) return name;
  throw fail('EINVAL', op, { name: shown(name) }, { why: 'name must be a text that is not empty' });
}
