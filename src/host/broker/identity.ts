// SPDX-License-Identifier: MIT
/**
 * broker/identity — whether two descriptors lead to the same memory file, asked from two processes: a number that both see.
 */

import { fstatSync } from 'node:fs';

export function identityOf(descriptor: number): number {
  return fstatSync(descriptor).ino;
}
