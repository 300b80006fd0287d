// SPDX-License-Identifier: MIT
/**
 * prime — handles for buffers: small numbers of one client, for objects of one driver, and the way from a handle to a buffer and back.
 *
 * A `PrimeDevice` is a driver with its objects, a `PrimeClient` one open of it. Both are of one agent; between agents go buffers.
 *
 * Invariants  I26 an object lives as long as anything refers to it: its handles in all clients, the buffer that it was exported as,
 *                 whoever works with it. The object refers to its buffer only while it has handles: this breaks the circle
 *                 object → buffer → object. `free` runs once, when the last of all these is gone.
 *             I27 a client's cache refers to the buffer of every handle that was exported or imported there, and names it both ways:
 *                 the same buffer has the same handle, the same handle the same buffer.
 *             I28 an id can be used again only when the cache has forgotten it, and nothing else of its handle is left. It can be
 *                 looked up only after the driver's `open`, and not any more from before its `close`.
 * Lock order  client's lock ("prime") → device's lock ("names") → reservation locks, exporters, the driver's own locks.
 *             With both held run the driver's `export` and `import`, and exporters that an import attaches to and maps; with the
 *             client's lock only, `open` during an import. `open` of a new object, `close` and `free` run with none. None of the
 *             first three may wait for a call of the same device: that wait would never end.
 * Giving up   A callback that runs is not stopped, and no lock is released under it: what the call held stays held until the callback
 *             has ended and what it brought was undone (errand).
 * Differs     No lock is needed between steps that do not wait: they are one step for every other task of the agent.
 *
 * @source Linux drm_prime.c, drm_gem.c
 */
export type { ClientInfo, PrimeDriver, PrimeExport, PrimeImport } from './driver.js';
export { DRM_CLOEXEC, DRM_RDWR } from './flags.js';
export { PrimeClient } from './prime-client.js';
export { PrimeDevice, type PrimeDomain } from './prime-device.js';
