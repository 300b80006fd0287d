// SPDX-License-Identifier: MIT
/**
 * prime/objects — the objects of one device, the buffers they were exported as, and the calls of its driver.
 *
 * @source struct drm_device, drm_device.object_name_lock
 */

import { type Operation, objectKey } from '../agent/index.js';
import { type Buffers, callExporter, type Device, makeDevice } from '../buf/index.js';
import { checkObject, checkTimeout, fail } from '../errors.js';
import type { ClientState } from './client-state.js';
import type { PrimeDriver } from './driver.js';
import type { Errand } from './errand.js';
import { type Backing, GemObject } from './gem-object.js';
import { KeptBuf } from './kept-buf.js';
import { TurnLock } from './turn-lock.js';

const CALL_TIMEOUT = 5_000;

/** An object that is exported. */
interface Exported<O extends object> {
  readonly gem: GemObject<O>;
  /** By the first export. */
  readonly readOnly: boolean;
}

export class Objects<O extends object> {
  /** "names": who is exported as what, and how many handles there are. */
  readonly names: TurnLock;
  /** The driver as an importer. */
  readonly importer: Device;
  /** Wake-ups among this agent's tasks. */
  readonly key: number;
  readonly callTimeout: number;
  readonly clients = new Set<ClientState<O>>();
  #entered = 0;
  readonly #known = new WeakMap<O, GemObject<O>>();
  readonly #alive = new Set<GemObject<O>>();
  /** By the buffer's id: until its release. */
  readonly #exported = new Map<number, Exported<O>>();

  constructor(
    op: string,
    readonly buffers: Buffers,
    readonly driver: PrimeDriver<O>,
  ) {
    const { agent } = buffers;
    this.importer = makeDevice(op, driver.name);
    this.callTimeout = checkTimeout(op, driver.callTimeout ?? CALL_TIMEOUT, 'callTimeout');
    this.key = objectKey('agent', agent.slot);
    this.names = new TurnLock(agent, `the objects of "${driver.name}"`);
  }

  /** What keeps the driver from going: clients, exported buffers, objects. */
  get busy(): { readonly clients: number; readonly buffers: number; readonly objects: number } {
    const [clients, buffers] = [this.clients.size, this.#exported.size];
    return { clients, buffers, objects: this.#alive.size };
  }

  // ------------------------------------------------------------------------------------------- objects

  /** The driver's own object. @throws ESTALE it was freed · EINVAL */
  of(op: string, object: O): GemObject<O> {
    checkObject(op, 'object', object);
    const known = this.#known.get(object);
    if (known === undefined) return this.#add(object, null);
    if (!known.dead) return known;
    throw fail('ESTALE', op, { device: this.driver.name }, { why: 'the object was freed' });
  }

  /** What the driver made of `backing`. @throws EINVAL no object of its own */
  adopt(op: string, object: O, backing: Backing): GemObject<O> {
    checkObject(op, 'object', object);
    if (!this.#known.has(object)) return this.#add(object, backing);
    const why = 'import() of the driver must make a new object each time';
    throw fail('EINVAL', op, { device: this.driver.name }, { why });
  }

  #add(object: O, backing: Backing | null): GemObject<O> {
    const gem = new GemObject(object, backing, () => {
      if (gem.owed) this.behind('PrimeDriver.free', this.#free(gem));
      else this.#forget(gem);
    });
    this.#known.set(object, gem);
    this.#alive.add(gem);
    return gem;
  }

  /** Nobody has ever had it: it is its maker's again. */
  #forget(gem: GemObject<O>): void {
    this.#known.delete(gem.object);
    this.#alive.delete(gem);
  }

  *#free(gem: GemObject<O>): Operation<void> {
    yield* this.callQuietly('PrimeDriver.free', () => this.driver.free(gem.object));
    if (gem.backing !== null) {
      const { attachment, mapping } = gem.backing;
      mapping.unmap();
      attachment[Symbol.dispose]();
      attachment.buf.close();
    }
    this.#alive.delete(gem);
  }

  // ------------------------------------------------------------------------------------------- exported objects

  /** The object that this buffer is; undefined = the buffer of somebody else. */
  exportedAs(buf: KeptBuf): GemObject<O> | undefined {
    return this.#exported.get(buf.id)?.gem;
  }

  /** A reference for the object: a buffer of ours has the rights of its first export, whichever way it comes back. */
  keep({ id, reference, readOnly }: KeptBuf): KeptBuf {
    return new KeptBuf(this.buffers, reference, this.#exported.get(id)?.readOnly ?? readOnly);
  }

  publish(id: number, exported: Exported<O>): void {
    exported.gem.get();
    this.#exported.set(id, exported);
  }

  /** The last reference to the buffer is gone. */
  unpublish(id: number): void {
    const exported = this.#exported.get(id);
    this.#exported.delete(id);
    exported?.gem.put();
  }

  // ------------------------------------------------------------------------------------------- the driver

  /** A callback that locks are held for is on the stack. */
  get entered(): boolean {
    return this.#entered > 0;
  }

  /**
   * A callback of the driver, which `errand` outlives when its caller gives up.
   * @param late  undoes what it brings then.
   * @throws the driver's own DmaBufError · EIO it threw something else · ETIMEDOUT
   */
  *call<T>(
    op: string,
    errand: Errand,
    invoke: () => T | PromiseLike<T>,
    late: (of: T) => void,
  ): Operation<T> {
    const giveUp = (): ((outcome: { readonly of: T } | null) => void) => {
      const ended = errand.outlive();
      return (outcome) => {
        if (outcome !== null) errand.undo(() => late(outcome.of));
        ended();
      };
    };
    const enter = (): T | PromiseLike<T> => {
      this.#entered++;
      try {
        return invoke();
      } finally {
        this.#entered--;
      }
    };
    return yield* this.#call(op, enter, giveUp);
  }

  /** A callback that may not fail: nobody could act on it. What it throws all the same is reported. */
  *callQuietly(op: string, invoke: () => unknown): Operation<void> {
    try {
      yield* this.#call(op, invoke, () => () => {});
    } catch (error) {
      this.buffers.report(error);
    }
  }

  *#call<T>(
    op: string,
    invoke: () => T | PromiseLike<T>,
    giveUp: () => (outcome: { readonly of: T } | null) => void,
  ): Operation<T> {
    const { key, callTimeout: timeout } = this;
    const party = `the driver "${this.driver.name}"`;
    return yield* callExporter(this.buffers.agent, { op, key, timeout, party, invoke, giveUp });
  }

  /** Work that nobody waits for. */
  behind(op: string, work: Operation<void>): void {
    const { buffers } = this;
    const going = buffers.background(buffers.agent.run(op, work));
    going.catch((error: unknown) => buffers.report(error));
  }
}
