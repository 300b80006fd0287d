// SPDX-License-Identifier: MIT
/**
 * A device whose driver ends its callbacks when it is told to, a foreign exporter that does the same, and everything that must hold
 * of them between any two steps.
 */
import { type DmaBuf, Phase, phaseOf } from '../../../src/buf/index.js';
import type { ClientState } from '../../../src/prime/client-state.js';
import type { GemObject } from '../../../src/prime/gem-object.js';
import type { ClientInfo, PrimeDriver } from '../../../src/prime/index.js';
import { Objects } from '../../../src/prime/objects.js';
import { makePrimeClient, type PrimeClient } from '../../../src/prime/prime-client.js';
import type { Rig } from '../buf/rig.js';
import type { Act, Scene } from './explore.js';
import { FAILED, type Stage } from './stage.js';

/** An object of the driver: its memory, or what it was imported from. */
export interface Bo {
  readonly name: string;
  readonly memory: DmaBuf | null;
}

/** Which callbacks wait at a gate; the others end at once. */
export type Gated = 'export' | 'import' | 'open' | 'close' | 'free' | 'attach' | 'map';

/** Ids that a scene can come to. */
const IDS = [1, 2, 3, 4];

export class Theatre {
  readonly objects: Objects<Bo>;
  /** Objects that the driver has now. */
  readonly bos = new Set<Bo>();
  readonly states: ClientState<Bo>[] = [];
  /** Attachments to the foreign buffer, ever. */
  attached = 0;
  /** Until then callbacks end at once. */
  curtain = false;
  #imported = 0;
  #underNames = 0;
  #wrong: string | null = null;
  /** Clients that an object is open for, with the number of their handles. */
  readonly #open = new Map<Bo, Map<number, number>>();
  readonly #taken = new Map<ClientState<Bo>, Set<number>>();
  readonly #liveBefore: number;

  constructor(
    readonly rig: Rig,
    readonly stage: Stage,
    readonly gated: readonly Gated[],
  ) {
    rig.errors.length = 0;
    this.#liveBefore = this.#rowsInUse();
    const names = <T>(name: 'export' | 'import', make: () => T): PromiseLike<T> | T => {
      if (++this.#underNames > 1) this.#wrong = `${name} runs beside another export or import`;
      return this.#gate(
        name,
        () => make(),
        () => this.#underNames--,
      );
    };
    const driver = {
      name: 'theatre',
      callTimeout: Infinity,
      export: (bo: Bo) =>
        names('export', () => ({
          size: 4096,
          ops: { map: () => [{ of: bo.memory, offset: 0, length: 4096 }], unmap: () => {} },
        })),
      import: () =>
        names('import', () => this.#add({ name: `import ${++this.#imported}`, memory: null })),
      open: (bo: Bo, client: ClientInfo) => this.#gate('open', () => this.#count(bo, client, 1)),
      close: (bo: Bo, client: ClientInfo) => {
        this.#count(bo, client, -1);
        return this.#gate('close', () => {});
      },
      free: (bo: Bo) => {
        if (!this.bos.delete(bo)) this.#wrong = `${bo.name} was freed twice`;
        bo.memory?.close();
        return this.#gate('free', () => {});
      },
    };
    this.objects = new Objects('theatre', rig.buffers, driver as unknown as PrimeDriver<Bo>);
  }

  /** A callback that ends at once, or at its gate. `over` runs when it has ended either way. */
  #gate<T>(name: Gated, make: () => T, over = (): void => {}): PromiseLike<T> | T {
    if (this.curtain && this.gated.includes(name)) return this.stage.gate(name, make, over);
    over();
    return make();
  }

  #count(bo: Bo, { id }: ClientInfo, by: 1 | -1): void {
    const clients = this.#open.get(bo) ?? new Map<number, number>();
    this.#open.set(bo, clients.set(id, (clients.get(id) ?? 0) + by));
  }

  #add(bo: Bo): Bo {
    this.bos.add(bo);
    return bo;
  }

  // --------------------------------------------------------------------------------------------- props

  bo(name: string): Bo {
    return this.#add({ name, memory: this.rig.heap.alloc(4096) });
  }

  client(): PrimeClient<Bo> {
    const id = this.states.length + 1;
    const client = makePrimeClient(this.objects, id);
    const state = [...this.objects.clients].at(-1) as ClientState<Bo>;
    this.states.push(state);
    const taken = new Set<number>();
    this.#taken.set(state, taken);
    const { handles } = state;
    const [reserve, free] = [handles.reserve.bind(handles), handles.free.bind(handles)];
    handles.reserve = () => {
      const handle = reserve();
      if (state.cache.bufOf(handle) !== undefined) {
        this.#wrong = `id ${handle} is used again while the cache maps it`;
      }
      taken.add(handle);
      return handle;
    };
    handles.free = (handle) => {
      taken.delete(handle);
      free(handle);
    };
    return client;
  }

  /** A buffer of another driver. */
  foreign(): DmaBuf {
    const { rig } = this;
    const home = rig.heap.alloc(4096);
    const ops = {
      attach: () => this.#gate('attach', () => void this.attached++),
      detach: () => {
        this.attached--;
      },
      map: () => this.#gate('map', () => [{ of: home, offset: 0, length: 4096 }]),
      unmap: () => {},
      release: () => home.close(),
    };
    const info = { exporter: 'foreign', size: 4096, priv: null, callTimeout: Infinity, ops };
    return rig.buffers.exports.static(info as never);
  }

  /** What a caller may rely on: an id that names something names what he was told. */
  expect(state: ClientState<Bo> | undefined, handle: number, bo: Bo): void {
    const found = state?.handles.find(handle);
    if (found !== undefined && found.object !== bo) {
      this.#wrong = `handle ${handle} is ${found.object.name}, not ${bo.name}`;
    }
  }

  // --------------------------------------------------------------------------------------------- what must hold

  /** Objects that no client took are still their maker's. */
  giveBack(rejected: readonly Bo[]): void {
    for (const bo of rejected) {
      if (!this.bos.delete(bo)) this.#wrong = `${bo.name} was freed, and nobody had taken it`;
      bo.memory?.close();
    }
  }

  /** @param also  what else must hold in the end */
  scene(acts: readonly Act[], also: () => string | null, takeDown: () => Promise<void>): Scene {
    return {
      stage: this.stage,
      acts,
      takeDown,
      invariant: () => this.#wrong ?? this.#invariant(),
      leftover: () => this.#wrong ?? also() ?? this.#leftover(),
    };
  }

  #invariant(): string | null {
    for (const state of this.states) {
      for (const handle of IDS) {
        const wrong = this.#wrongAt(state, handle);
        if (wrong !== null) return `client ${state.info.id}, handle ${handle}: ${wrong}`;
      }
    }
    return null;
  }

  #wrongAt(state: ClientState<Bo>, handle: number): string | null {
    const buf = state.cache.bufOf(handle);
    const gem: GemObject<Bo> | undefined = state.handles.find(handle);
    if (buf !== undefined) {
      if (this.#taken.get(state)?.has(handle) !== true)
        return 'its id is free while the cache maps it';
      if (state.cache.handleOf(buf.id) !== handle) return 'its buffer has another handle too';
      const { rows } = this.rig.buffers;
      if (rows.id(buf.reference.row) !== buf.id) return 'its buffer is gone';
    }
    if (gem === undefined) return null;
    if (gem.dead) return 'its object is dead';
    if (!this.bos.has(gem.object)) return 'its object was freed';
    if ((this.#open.get(gem.object)?.get(state.info.id) ?? 0) < 1) return 'its object is not open';
    if (buf !== undefined && gem.buf?.id !== buf.id)
      return 'the cache maps it to the buffer of another object';
    return null;
  }

  #rowsInUse(): number {
    const { life } = this.rig.buffers;
    let used = 0;
    for (let row = 0; row < life.used; row++) if (phaseOf(life.of(row)) !== Phase.FREE) used++;
    return used;
  }

  #leftover(): string | null {
    const { clients, buffers, objects } = this.objects.busy;
    if (clients + buffers + objects > 0) {
      return `${clients} clients, ${buffers} exported buffers and ${objects} objects are left over`;
    }
    const [bo] = this.bos;
    if (bo !== undefined) return `${bo.name} was not freed`;
    for (const [object, open] of this.#open) {
      for (const count of open.values()) if (count !== 0) return `${object.name} is still open`;
    }
    if (this.attached !== 0) return `${this.attached} attachments are left over`;
    const [listed] = this.rig.buffers.attachments.all();
    if (listed !== undefined) return `an attachment of ${listed.device} is left over`;
    const more = this.#rowsInUse() - this.#liveBefore;
    if (more !== 0) return `${more} buffers are left over`;
    const error = this.rig.errors.find((one) => (one as Error).cause !== FAILED);
    return error === undefined ? null : `reported: ${(error as Error).message}`;
  }
}
