// SPDX-License-Identifier: MIT
/**
 * buf/sealed-memory — what sealed buffers need of the platform: memory that one agent writes to and all others can only read.
 */

import type { WaitOptions } from '../fence/index.js';

/** A buffer, by name: what was made for it is never another one's. */
export interface BufferName {
  readonly row: number;
  readonly generation: number;
}

/** Memory that was made here. */
export interface SealedFile {
  readonly memory: SharedArrayBuffer;
  /** From now on, until it is closed, others can open it by this name. @throws ENFILE · ETIMEDOUT · the signal's reason */
  publish(name: BufferName, limits: WaitOptions): Promise<void>;
  /** Nobody opens it any more; who has, keeps it. */
  close(): void;
}

export interface SealedMemory {
  /** Memory of at least so many bytes, all 0, which is writable here and nowhere else. @throws ENOMEM · ENFILE · ENOTSUP */
  make(op: string, bytes: number): SealedFile;
  /** For reading, what somebody has published. Waits for a broker. @throws ENOENT nobody has, or not any more · EPROTO it is no such memory */
  open(op: string, name: BufferName, bytes: number): Promise<SharedArrayBuffer>;
  /** The same, blocking. @throws ETIMEDOUT */
  openWithin(op: string, name: BufferName, bytes: number, ms: number): SharedArrayBuffer;
}
