// SPDX-License-Identifier: MIT
/**
 * prime/importing — from a buffer to a handle.
 *
 * @source drm_gem_prime_fd_to_handle, drm_gem_prime_import_dev
 */

import type { Operation } from '../agent/index.js';
import { attachOperation, type DmaBuf, makeAttachment } from '../buf/index.js';
import { fail } from '../errors.js';
import type { ClientState } from './client-state.js';
import type { Errand } from './errand.js';
import type { Backing, GemObject } from './gem-object.js';
import { makeHandle } from './handles.js';
import { KeptBuf } from './kept-buf.js';
import type { Objects } from './objects.js';

/** @param given  the caller's reference: it may be closed meanwhile */
export function* importBuf<O extends object>(
  op: string,
  client: ClientState<O>,
  given: DmaBuf,
  errand: Errand,
): Operation<number> {
  const { objects, cache } = client;
  const local = new KeptBuf(objects.buffers, given.use(op), given.readOnly);
  errand.always(() => local.drop());
  errand.always((yield* client.prime.take(op)).release);
  client.use(op);
  const known = cache.handleOf(local.id);
  if (known !== undefined) return known;
  const names = yield* objects.names.take(op);
  errand.always(names.release);
  // Of our own objects: no attachment.
  const gem =
    objects.exportedAs(local)?.get() ?? (yield* importForeign(op, objects, local, errand));
  errand.always(() => gem.put());
  const buf = (gem.buf ??= objects.keep(local));
  const handle = yield* makeHandle(op, client, gem, names, errand);
  cache.add(handle, buf);
  return handle;
}

/** The buffer of another driver or heap, both locks being held. @returns the object, with a reference for the caller */
function* importForeign<O extends object>(
  op: string,
  objects: Objects<O>,
  local: KeptBuf,
  errand: Errand,
): Operation<GemObject<O>> {
  const { driver } = objects;
  const at = { device: driver.name, buffer: local.id };
  if (driver.import === undefined) {
    throw fail('EINVAL', op, at, {
      why: 'the driver has no import(): it knows its own buffers only',
    });
  }
  if (local.readOnly) {
    const why = 'the buffer may only be read, and an import is mapped in both directions';
    throw fail('EACCES', op, at, { why });
  }
  const buf = local.handle();
  let gem: GemObject<O> | null = null;
  errand.undo(() => {
    if (gem === null) buf.close();
  });
  const attachment = yield* attachOperation(op, buf, objects.importer, null, makeAttachment);
  errand.undo(() => {
    if (gem === null) attachment[Symbol.dispose]();
  });
  const mapping = yield* attachment.mapOperation(op, 'bidirectional');
  const backing: Backing = { attachment, mapping };
  const adopt = (object: O): GemObject<O> => {
    gem = objects.adopt(op, object, backing).get();
    return gem;
  };
  return adopt(
    yield* objects.call<O>(
      op,
      errand,
      () => driver.import?.({ ...backing, resv: buf.resv }) as O | PromiseLike<O>,
      (object) => adopt(object).put(),
    ),
  );
}
