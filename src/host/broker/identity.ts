// SPDX-License-Identifier: MIT
/**
 * broker/identity — which domain an arena is of, and whose: what all processes see of its memory file.
 */

import { fstatSync } from 'node:fs';

/** A number that no other arena has while this one exists. */
export function identityOf(descriptor: number): number {
  return fstatSync(descriptor).ino;
}

/** The user who made it. */
export function ownerOf(descriptor: number): number {
  return fstatSync(descriptor).uid;
}
