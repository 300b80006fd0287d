// SPDX-License-Identifier: MIT
/**
 * prime/handles — how a handle comes and goes. Both ways have two ends: first in, last to be seen; first to be hidden, last out.
 *
 *   in   counted, an object reference, an id that names nothing · driver's open · the id names the object
 *   out  the id names nothing · driver's close · the cache forgets it · not counted, and without any the object forgets its buffer ·
 *        the object reference · the id is free (I28)
 *
 * @source drm_gem_handle_create_tail, drm_gem_handle_delete, drm_gem_object_release_handle
 */

import type { Operation } from '../agent/index.js';
import type { ClientState } from './client-state.js';
import { type Errand, onErrand } from './errand.js';
import type { GemObject } from './gem-object.js';

/**
 * A handle for the object, the lock "names" being held until before the driver's open.
 * @param names  gives that lock back.
 */
export function* makeHandle<O extends object>(
  op: string,
  client: ClientState<O>,
  gem: GemObject<O>,
  names: { readonly release: () => void },
  errand: Errand,
): Operation<number> {
  const { objects, handles, info } = client;
  const { driver } = objects;
  gem.handles++;
  gem.get();
  const handle = handles.reserve();
  names.release();
  let opened = false;
  const entered = (): void => {
    opened = true;
  };
  errand.undo(() => {
    const back = (): Operation<void> => unmakeHandle(op, client, handle, gem, opened);
    objects.behind(op, onErrand(client, back));
  });
  yield* objects.call<void>(op, errand, () => driver.open?.(gem.object, info), entered);
  gem.owed = true;
  handles.publish(handle, gem);
  return handle;
}

/** Of a handle that was withdrawn. */
export function* closeHandle<O extends object>(
  op: string,
  client: ClientState<O>,
  handle: number,
  gem: GemObject<O>,
): Operation<void> {
  yield* unmakeHandle(op, client, handle, gem, true);
}

/** From a reserved id to a free one. */
function* unmakeHandle<O extends object>(
  op: string,
  client: ClientState<O>,
  handle: number,
  gem: GemObject<O>,
  opened: boolean,
): Operation<void> {
  const { objects, handles, info } = client;
  if (opened) {
    yield* objects.callQuietly(op, () => objects.driver.close?.(gem.object, info));
    const prime = yield* client.prime.take(op);
    client.cache.remove(handle);
    prime.release();
  }
  const names = yield* objects.names.take(op);
  gem.leave();
  names.release();
  gem.put();
  handles.free(handle);
}
