// SPDX-License-Identifier: MIT
/**
 * buf/share — a ticket for one more reference, as plain data.
 */

import { fail } from '../errors.js';

/** What every ticket says. */
export interface ShareFields {
  readonly domain: string;
  /** Of what is shared. */
  readonly id: number;
  readonly generation: number;
  readonly ticket: number;
}

/**
 * A one-time ticket for one more reference. Plain JSON (so a type: no interface is assignable to
 * Json): goes through postMessage, child.send, argv, a socket.
 */
export type Share = {
  readonly dmabuf: 'share';
  readonly domain: string;
  /** Of the buffer. */
  readonly id: number;
  readonly generation: number;
  readonly ticket: number;
};

/** What comes from outside may be anything. @throws EINVAL no share · EXDEV of another domain */
export function checkShare(
  op: string,
  kind: string,
  share: unknown,
  domain: string,
  tickets: number,
): ShareFields {
  const given = (typeof share === 'object' && share !== null ? share : {}) as Partial<
    ShareFields & { readonly dmabuf: string }
  >;
  const whole =
    given.dmabuf === kind &&
    typeof given.domain === 'string' &&
    Number.isSafeInteger(given.id) &&
    Number.isSafeInteger(given.generation) &&
    Number.isSafeInteger(given.ticket);
  if (!whole) throw fail('EINVAL', op, {}, { why: 'this is not what share() returned' });
  const known = given as ShareFields;
  if (known.domain !== domain) {
    throw fail('EXDEV', op, { domain: known.domain, here: domain });
  }
  if (known.ticket < 0 || known.ticket >= tickets) {
    throw fail('EINVAL', op, { ticket: known.ticket }, { why: 'there is no such ticket' });
  }
  return known;
}
