// SPDX-License-Identifier: MIT
/**
 * prime/exporting — from a handle to a buffer.
 *
 * @source drm_gem_prime_handle_to_fd
 */

import type { Operation } from '../agent/index.js';
import type { DmaBuf, StaticExporterOps } from '../buf/index.js';
import { fail } from '../errors.js';
import type { ClientState } from './client-state.js';
import type { Errand } from './errand.js';
import type { GemObject } from './gem-object.js';
import { KeptBuf } from './kept-buf.js';
import type { Objects } from './objects.js';

/** Those of an exporter, and two that an object may not have. */
const CALLBACKS = [
  'attach',
  'detach',
  'map',
  'unmap',
  'beginCpuAccess',
  'endCpuAccess',
  'vmap',
  'vunmap',
  'pin',
  'unpin',
];

/** @returns a reference of the caller's own */
export function* exportHandle<O extends object>(
  op: string,
  client: ClientState<O>,
  handle: number,
  readOnly: boolean,
  errand: Errand,
): Operation<DmaBuf> {
  const { objects, cache } = client;
  errand.always((yield* client.prime.take(op)).release);
  client.use(op);
  const gem = client.find(op, handle).get();
  errand.always(() => gem.put());
  const known = cache.bufOf(handle);
  if (known !== undefined) return known.handle();
  errand.always((yield* objects.names.take(op)).release);
  // What was imported is handed on as it came, never wrapped again.
  const buf = gem.buf ?? (yield* exportObject(op, objects, gem, readOnly, errand));
  cache.add(handle, buf);
  return buf.handle();
}

/** The object's first export, both locks being held. */
function* exportObject<O extends object>(
  op: string,
  objects: Objects<O>,
  gem: GemObject<O>,
  readOnly: boolean,
  errand: Errand,
): Operation<KeptBuf> {
  const { driver, buffers, callTimeout } = objects;
  const at = { device: driver.name };
  if (driver.export === undefined) {
    throw fail('ENOTSUP', op, at, { why: 'the driver has no export(): it hands on imports only' });
  }
  const info = yield* objects.call(
    op,
    errand,
    () => driver.export?.(gem.object),
    () => {},
  );
  if (typeof info?.ops !== 'object' || info.ops === null) {
    const why = 'export() of the driver must give an object with size and ops';
    throw fail('EINVAL', op, at, { why });
  }
  const exported = buffers.exports.static<O>({
    ...info,
    exporter: driver.name,
    priv: gem.object,
    callTimeout,
    ops: {
      ...boundCallbacks(info.ops),
      release: () => objects.unpublish(exported.id),
    },
  });
  objects.publish(exported.id, { gem, readOnly });
  gem.buf = new KeptBuf(buffers, exported.use(op), readOnly);
  exported.close();
  return gem.buf;
}

/** The callbacks of an object that may be of a class of its own. */
function boundCallbacks<O>(
  ops: Omit<StaticExporterOps<O>, 'release'>,
): Omit<StaticExporterOps<O>, 'release'> {
  const given = ops as unknown as Readonly<Record<string, unknown>>;
  const bound: Record<string, unknown> = { cacheMapping: ops.cacheMapping };
  for (const name of CALLBACKS) {
    const callback = given[name];
    bound[name] = typeof callback === 'function' ? callback.bind(ops) : callback;
  }
  return bound as unknown as Omit<StaticExporterOps<O>, 'release'>;
}
