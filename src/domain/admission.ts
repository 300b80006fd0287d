// SPDX-License-Identifier: MIT
/**
 * domain/admission — who may join by the socket, and whose directory it is in: in the arena, for whoever becomes the broker.
 */

import { type Arena, load, store } from '../mem/index.js';
import { DomainLayout, DomainSection } from './layout.js';
import type { Admission } from './options.js';

const { at } = DomainLayout;

export function writeAdmission(arena: Arena, { where, users }: Admission): void {
  const base = arena.base(DomainSection);
  store(arena.words, base + at.fresh, where === true ? 1 : 0);
  store(arena.words, base + at.users, users.length);
  for (const [n, user] of users.entries()) store(arena.words, base + at.user + n, user);
}

/** The directory was made for this domain. */
export function isFresh(arena: Arena): boolean {
  return load(arena.words, arena.base(DomainSection) + at.fresh) === 1;
}

/** Ids of users who may join besides the creator's own. */
export function usersOf(arena: Arena): number[] {
  const base = arena.base(DomainSection);
  const count = load(arena.words, base + at.users);
  return Array.from({ length: count }, (_, n) => load(arena.words, base + at.user + n) >>> 0);
}
