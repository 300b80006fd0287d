// SPDX-License-Identifier: MIT
/**
 * prime/prime-device — a driver, as its users see it.
 *
 * @source struct drm_device
 */

import type { Buffers } from '../buf/index.js';
import { checkObject, fail, shown } from '../errors.js';
import type { PrimeDriver } from './driver.js';
import { Objects } from './objects.js';
import { makePrimeClient, type PrimeClient } from './prime-client.js';

const UNPOSTED = Symbol(
  'a PrimeDevice cannot be posted: make one on the other side, and send it buffers to import',
);

/** What new PrimeDevice() needs of a Domain. */
export interface PrimeDomain {
  readonly name: string;
  /** @internal */
  readonly buffers: Buffers;
}

const NEEDED = ['free'] as const;
const OPTIONAL = ['export', 'import', 'open', 'close'] as const;

/**
 * A driver with objects of its own, which clients name by handles. It belongs to one agent; drivers of other agents import its buffers.
 * @example
 * const device = new PrimeDevice(domain, driver);
 * await using client = device.open();
 * const handle = await client.createHandle({ memory: domain.alloc(4096) });
 * using buf = await client.handleToBuf(handle);
 * @source struct drm_device
 */
export class PrimeDevice<O extends object> {
  /** @internal */
  readonly unposted = UNPOSTED;
  readonly #objects: Objects<O>;
  #clients = 0;
  #closed = false;

  /** @throws EINVAL a callback is missing, or no domain */
  constructor(domain: PrimeDomain, driver: PrimeDriver<O>) {
    const op = 'new PrimeDevice';
    checkObject(op, 'domain', domain);
    if (domain.buffers === undefined) {
      throw fail('EINVAL', op, { domain: shown(domain) }, { why: 'domain must be a Domain' });
    }
    checkObject(op, 'driver', driver);
    for (const name of [...NEEDED, ...OPTIONAL]) {
      const callback: unknown = driver[name];
      if (typeof callback === 'function') continue;
      if (callback === undefined && name !== 'free') continue;
      throw fail('EINVAL', op, { missing: name }, { why: `driver.${name} must be a function` });
    }
    this.#objects = new Objects(op, domain.buffers, driver);
  }

  get name(): string {
    return this.#objects.driver.name;
  }

  /** A client, with no handles yet. Close it. @throws ESTALE the device or its domain was closed @source drm_open */
  open(): PrimeClient<O> {
    const op = 'PrimeDevice.open';
    const { left } = this.#objects.buffers.agent;
    if (this.#closed || left) {
      const why = left ? 'its domain was closed here' : 'the device was closed';
      throw fail('ESTALE', op, { device: this.name }, { why });
    }
    this.#clients++;
    return makePrimeClient(this.#objects, this.#clients);
  }

  /**
   * The driver goes. Twice is harmless.
   * @throws EBUSY a client is open, or somebody, in whichever agent, still has a buffer that was exported here. After the last one was
   *         closed, `await domain.idle()` first: a buffer goes when all who had a part in it have looked
   * @source drm_dev_unregister
   */
  close(): void {
    const { busy } = this.#objects;
    if (busy.clients + busy.buffers + busy.objects > 0) {
      const why = 'it has clients, or its buffers are in use: close these first';
      throw fail('EBUSY', 'PrimeDevice.close', { device: this.name, ...busy }, { why });
    }
    this.#closed = true;
  }
}
