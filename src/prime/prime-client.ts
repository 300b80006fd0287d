// SPDX-License-Identifier: MIT
/**
 * prime/prime-client — one open of a device, as its user holds it.
 *
 * @source struct drm_file
 */

import type { Operation } from '../agent/index.js';
import { DmaBuf, type Remains } from '../buf/index.js';
import { checkWait, fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import { ClientState } from './client-state.js';
import { onErrand } from './errand.js';
import { exportHandle } from './exporting.js';
import { checkFlags, DRM_RDWR } from './flags.js';
import { closeHandle, makeHandle } from './handles.js';
import { importBuf } from './importing.js';
import type { Objects } from './objects.js';

const UNPOSTED = Symbol(
  'a PrimeClient cannot be posted: send a buffer of handleToBuf(), and import it on the other side',
);

/** @internal */
export let makePrimeClient: <O extends object>(objects: Objects<O>, id: number) => PrimeClient<O>;

/**
 * One open of a device: handles, which are small numbers, for its objects. The same buffer has the same handle here, however often and
 * by whichever way it comes; one closeHandle() ends it for all who were given it.
 * @source struct drm_file, struct drm_prime_file_private
 */
export class PrimeClient<O extends object> implements Disposable, AsyncDisposable {
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;
  readonly #state: ClientState<O>;

  static {
    makePrimeClient = (objects, id) => new PrimeClient(new ClientState(objects, id));
  }

  private constructor(state: ClientState<O>) {
    this.#state = state;
    state.objects.buffers.leaks.track(this);
  }

  get closed(): boolean {
    return this.#state.closed;
  }

  /** Those that name something, the lowest first. */
  get handles(): readonly number[] {
    return this.#state.handles.published();
  }

  /** The object of a handle. @throws ENOENT · ESTALE the client was closed @source drm_gem_object_lookup */
  lookup(handle: number): O {
    const op = 'PrimeClient.lookup';
    this.#state.use(op);
    return this.#state.find(op, handle).object;
  }

  /**
   * A new handle for an object of the driver: the lowest free number, from 1. An object may have any number of handles. From the first one
   * on it is the device's: the driver's `free` gets it back when no handle and no buffer is left of it.
   * @throws EINVAL not an object · ESTALE the object was freed, or the client closed · ETIMEDOUT · what the driver's `open` threw
   * @source drm_gem_handle_create
   */
  async createHandle(object: O, options?: WaitOptions): Promise<number> {
    const op = 'PrimeClient.createHandle';
    const state = this.#state;
    state.enter(op);
    const { objects } = state;
    const creating = onErrand(state, function* (errand) {
      const names = yield* objects.names.take(op);
      errand.always(names.release);
      state.use(op);
      const gem = objects.of(op, object).get();
      errand.always(() => gem.put());
      return yield* makeHandle(op, state, gem, names, errand);
    });
    return objects.buffers.agent.run(op, creating, options);
  }

  /**
   * The buffer of a handle, as a reference of your own: close it. What was imported comes back as it came; what was exported before, by
   * whichever client, is the same buffer again, with the rights of its first export.
   * @param flags  DRM_RDWR (default), or 0 for a buffer that may only be read; DRM_CLOEXEC changes nothing. Looked at before all else.
   * @throws EINVAL other flags · ENOENT no such handle · ENOTSUP the driver cannot export · ETIMEDOUT · ESTALE · what the driver threw
   * @example using frame = await client.handleToBuf(handle, DRM_RDWR, { timeout: 100 });
   * @source drm_gem_prime_handle_to_fd
   */
  async handleToBuf(
    handle: number,
    flags: number = DRM_RDWR,
    options?: WaitOptions,
  ): Promise<DmaBuf> {
    const op = 'PrimeClient.handleToBuf';
    const readOnly = (checkFlags(op, flags) & DRM_RDWR) === 0;
    const state = this.#state;
    state.enter(op);
    const exporting = onErrand(state, (errand) =>
      exportHandle(op, state, handle, readOnly, errand),
    );
    return state.objects.buffers.agent.run(op, exporting, options);
  }

  /**
   * The handle of a buffer. Yours stays yours. A buffer that has a handle here gives that one. One that this device exported gives a new
   * handle for its object; any other is attached, mapped in both directions, and given to the driver's `import`.
   * @throws EINVAL not a buffer, or the driver cannot import · EXDEV of another domain or agent: send it there · EACCES read-only ·
   *         ETIMEDOUT · ESTALE · what attaching, mapping or the driver threw
   * @example const handle = await client.bufToHandle(frame);
   * @source drm_gem_prime_fd_to_handle
   */
  async bufToHandle(buf: DmaBuf, options?: WaitOptions): Promise<number> {
    const op = 'PrimeClient.bufToHandle';
    const state = this.#state;
    state.enter(op);
    if (!(buf instanceof DmaBuf)) {
      throw fail('EINVAL', op, { buf: shown(buf) }, { why: 'buf must be a DmaBuf' });
    }
    const { buffers } = state.objects;
    if (buf.buffers !== buffers) {
      const why = 'the buffer belongs to another domain, or to another agent: open a share of it';
      throw fail('EXDEV', op, { buffer: buf.id }, { why });
    }
    const importing = onErrand(state, (errand) => importBuf(op, state, buf, errand));
    return buffers.agent.run(op, importing, options);
  }

  /**
   * Ends a handle, for all who were given it. It names nothing at once; who gives up waiting does not stop the rest. Its number is
   * free when all of it is gone.
   * @throws EINVAL no such handle, or closed already · ETIMEDOUT · ESTALE
   * @source drm_gem_handle_delete
   */
  async closeHandle(handle: number, options?: WaitOptions): Promise<void> {
    const op = 'PrimeClient.closeHandle';
    checkWait(op, options);
    const state = this.#state;
    state.enter(op);
    const gem = state.handles.withdraw(handle);
    if (gem === undefined) throw state.unknown('EINVAL', op, handle);
    let over = false;
    const closing = onErrand(state, function* () {
      yield* closeHandle(op, state, handle, gem);
      over = true;
    });
    state.objects.behind(op, closing);
    await state.objects.buffers.agent.run(
      op,
      state.wait(op, () => over),
      options,
    );
  }

  /**
   * Ends all handles. Calls of this client that are under way end first; those that still wait for their turn fail with ESTALE. `using`
   * does so in the background, `await using` and this wait for it; who gives up waiting does not stop it. Twice is harmless.
   * @throws ETIMEDOUT
   * @source drm_release
   */
  async close(options?: WaitOptions): Promise<void> {
    const op = 'PrimeClient.close';
    checkWait(op, options);
    const state = this.#state;
    const { buffers } = state.objects;
    buffers.leaks.unwatch(this);
    closeClient(state);
    await buffers.agent.run(
      op,
      state.wait(op, () => state.over),
      options,
    );
  }

  [Symbol.dispose](): void {
    this.#state.objects.buffers.leaks.unwatch(this);
    closeClient(this.#state);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const state = this.#state;
    const release = (): void => closeClient(state);
    return { kind: 'PrimeClient', id: state.info.id, release };
  }
}

/** Starts to close it, once. */
function closeClient<O extends object>(state: ClientState<O>): void {
  if (state.closed) return;
  state.closed = true;
  const op = 'PrimeClient.close';
  const { handles, objects } = state;
  const closing = function* (): Operation<void> {
    yield* state.wait(op, () => state.calls === 0);
    for (const handle of handles.published()) {
      const gem = handles.withdraw(handle);
      if (gem !== undefined) yield* closeHandle(op, state, handle, gem);
    }
    objects.clients.delete(state);
    state.over = true;
    state.called();
  };
  objects.behind(op, closing());
}
