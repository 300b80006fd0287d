// SPDX-License-Identifier: MIT
/**
 * prime/flags — what handleToBuf() can be told.
 */

import { fail, shown } from '../errors.js';

/** Accepted, and without meaning: nothing is inherited by programs that a member starts. @source drm_gem_prime_handle_to_fd */
export const DRM_CLOEXEC = 0o2000000;
/** The buffer may be written too. Counts when an object is exported for the first time. @source drm_gem_prime_handle_to_fd */
export const DRM_RDWR = 0o2;

const KNOWN = DRM_CLOEXEC | DRM_RDWR;

/** @throws EINVAL anything else */
export function checkFlags(op: string, flags: unknown): number {
  if (typeof flags === 'number' && Number.isInteger(flags) && (flags | KNOWN) === KNOWN) {
    return flags;
  }
  const why = 'flags must be DRM_RDWR, DRM_CLOEXEC, both or 0';
  throw fail('EINVAL', op, { flags: shown(flags) }, { why });
}
