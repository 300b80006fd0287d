// SPDX-License-Identifier: MIT
/**
 * buf/device — who imports: a name, and what it can take.
 */

import { checkInteger, checkObject, fail, shown } from '../errors.js';
import { checkName } from './names.js';

/** What an importer's hardware can take. */
export interface DeviceCaps {
  /** Largest number of segments it takes; 1 = contiguous only. Default Infinity. */
  readonly maxSegments?: number;
  readonly peerToPeer?: boolean;
}

const UNPOSTED = Symbol('a Device cannot be posted: make one of the same name on the other side');

let isDevice: (value: unknown) => value is Device;
/** For this room and those above. */
export let makeDevice: (op: string, name: string, caps?: DeviceCaps) => Device;

/** An importer's identity. (struct device) */
export class Device {
  readonly name: string;
  readonly caps: Readonly<Required<DeviceCaps>>;
  /** @internal */
  readonly unposted = UNPOSTED;
  /** Only a Device has it. */
  readonly #checked = true;

  static {
    isDevice = (value): value is Device =>
      typeof value === 'object' && value !== null && #checked in value && value.#checked;
    makeDevice = (op, name, caps = {}) => new Device(op, name, caps);
  }

  private constructor(op: string, name: string, caps: DeviceCaps) {
    this.name = checkName(op, 'device', name);
    checkObject(op, 'caps', caps);
    const { maxSegments = Infinity, peerToPeer = false } = caps;
    if (maxSegments !== Infinity) checkInteger(op, 'maxSegments', maxSegments, 1);
    if (typeof peerToPeer !== 'boolean') {
      const why = 'peerToPeer must be true or false';
      throw fail('EINVAL', op, { peerToPeer: shown(peerToPeer) }, { why });
    }
    this.caps = Object.freeze({ maxSegments, peerToPeer });
  }

  /** @throws EINVAL @internal */
  static from(op: string, device: unknown): Device {
    if (typeof device === 'string') return new Device(op, device, {});
    if (isDevice(device)) return device;
    const why = 'device must be a Device or a name';
    throw fail('EINVAL', op, { device: shown(device) }, { why });
  }
}
