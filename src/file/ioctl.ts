// SPDX-License-Identifier: MIT
/**
 * file/ioctl — commands by number, and where their arguments stand.
 */

import { fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import type { SyncFile } from '../sync/index.js';
import type { DmaBufFile } from './dma-buf-file.js';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME_A,
  DMA_BUF_SET_NAME_B,
} from './numbers.js';

/** What a command is given; `fd` of an export is filled in. */
export type IoctlArgument = string | { readonly flags: number; fd?: SyncFile | null | undefined };

type Flags = Exclude<IoctlArgument, string>;

/** @throws EFAULT */
function flagsIn(op: string, arg: unknown): Flags {
  if (typeof arg === 'object' && arg !== null) return arg as Flags;
  throw fail('EFAULT', op, { arg: shown(arg) }, { why: 'the argument must be { flags }' });
}

/** Nothing is left behind when the result cannot be told. @throws EINVAL · EFAULT */
function exported(op: string, file: DmaBufFile, arg: Flags): void {
  const made = file.exportSyncFile(arg.flags);
  try {
    arg.fd = made;
  } catch (cause) {
    made.close();
    throw fail('EFAULT', op, {}, { why: 'the result cannot be written to the argument', cause });
  }
}

/** @throws ENOTTY · EFAULT · as the named forms */
export async function ioctl(
  op: string,
  file: DmaBufFile,
  cmd: number,
  arg: unknown,
  options?: WaitOptions,
): Promise<number> {
  // The operators of JavaScript, with which programs put such a number together, make it negative.
  switch (cmd === (cmd | 0) ? cmd >>> 0 : cmd) {
    case DMA_BUF_IOCTL_SYNC:
      await file.sync(flagsIn(op, arg).flags, options);
      return 0;
    case DMA_BUF_SET_NAME_A:
    case DMA_BUF_SET_NAME_B:
      await file.setName(arg as string, options);
      return 0;
    case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
      exported(op, file, flagsIn(op, arg));
      return 0;
    case DMA_BUF_IOCTL_IMPORT_SYNC_FILE: {
      const { flags, fd } = flagsIn(op, arg);
      await file.importSyncFile(flags, fd as SyncFile, options);
      return 0;
    }
    default:
      throw fail('ENOTTY', op, { cmd: shown(cmd) });
  }
}
