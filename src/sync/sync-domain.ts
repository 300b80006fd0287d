// SPDX-License-Identifier: MIT
/**
 * sync/sync-domain — what sync files need of a Domain.
 */

import { fail, shown } from '../errors.js';
import type { SyncFiles } from './sync-files.js';

/** What `SyncFile.create`, `SyncFile.open` and `SoftwareTimeline.create` need of a Domain. */
export interface SyncDomain {
  readonly name: string;
  readonly agent: string;
  /** @internal */
  readonly syncFiles: SyncFiles;
}

/** The domain's sync files. @throws EINVAL */
export function filesOf(op: string, domain: SyncDomain): SyncFiles {
  const files = (domain as Partial<SyncDomain> | null | undefined)?.syncFiles;
  if (files !== undefined) return files;
  throw fail('EINVAL', op, { domain: shown(domain) }, { why: 'domain must be a Domain' });
}
