// SPDX-License-Identifier: MIT
/**
 * prime/driver — what a driver promises: how its objects are exported, and what it makes of the buffers of others.
 *
 * Which locks of this room are held around which callback: see index.
 *
 * @source struct drm_driver, struct drm_gem_object_funcs
 */

import type { Attachment, Mapping, StaticExporterOps, StaticExportInfo } from '../buf/index.js';
import type { Reservation } from '../resv/index.js';

/** An object as an exporter: what domain.export() takes, without what the device adds. */
export interface PrimeExport<O extends object>
  extends Omit<StaticExportInfo<O>, 'exporter' | 'priv' | 'ops' | 'callTimeout'> {
  /** `priv` is the object. There is no release: the object lives until `free`. */
  readonly ops: Omit<StaticExporterOps<O>, 'release'>;
}

/** A buffer of somebody else, attached and mapped for as long as the object made of it lives. */
export interface PrimeImport {
  /** `attachment.buf` is the buffer; it is the device's to close. */
  readonly attachment: Attachment;
  /** In both directions. */
  readonly mapping: Mapping;
  /** The buffer's, and from now on the object's too: fences of both sides stand in one place. */
  readonly resv: Reservation;
}

/** A client, as its driver sees it: the same object in every callback. */
export interface ClientInfo {
  readonly device: string;
  /** 1 for the first client of the device; never used again. */
  readonly id: number;
}

/**
 * A driver: what new PrimeDevice() takes. Any callback may be asynchronous. Throw DmaBufError.of(code, why) to refuse; what else is
 * thrown becomes EIO. None may wait for a call of the same device: that is EDEADLK if it is called at once, and never ends if later.
 * @example
 * const driver = {
 *   name: 'camera',
 *   export: (frame) => ({
 *     size: frame.memory.size,
 *     ops: { map: () => [{ of: frame.memory, offset: 0, length: frame.memory.size }], unmap() {} },
 *   }),
 *   free: (frame) => frame.memory.close(),
 * };
 * @source struct drm_driver, struct drm_gem_object_funcs
 */
export interface PrimeDriver<O extends object> {
  readonly name: string;
  /** Milliseconds; a callback that takes longer fails the call, which it serves, with ETIMEDOUT. Default 5 000. */
  readonly callTimeout?: number;
  /** For the first export of an object, in any client; without it only imported buffers are handed on. @source drm_gem_prime_export */
  export?(object: O): PrimeExport<O> | Promise<PrimeExport<O>>;
  /** Makes a new object of somebody else's buffer; without it there are none. @source drm_gem_prime_import */
  import?(of: PrimeImport): O | Promise<O>;
  /** A client is about to get a handle. */
  open?(object: O, client: ClientInfo): void | Promise<void>;
  /** A client's handle is about to go. What it throws is reported. */
  close?(object: O, client: ClientInfo): void | Promise<void>;
  /** Nothing refers to the object any more. What it was made of, if it was imported, is unmapped after this. What it throws is reported. */
  free(object: O): void | Promise<void>;
}
