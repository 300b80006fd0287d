// SPDX-License-Identifier: MIT
/** Each step of attach and map fails, or is given up, in each of the four cells: what was done is undone, and nothing else. */
import { describe, expect, it } from 'vitest';
import type { Attachment, DynamicAttachment } from '../../../src/buf/index.js';
import { importer } from './exporters.js';
import { nth, rejected, rigs, thrown } from './rig.js';
import { isInjected, type Kind, type Manner, settled, Witness } from './witness.js';

interface Cell {
  readonly kind: Kind;
  /** Is the importer dynamic? */
  readonly dynamic: boolean;
}

const CELLS: readonly Cell[] = (['static', 'caching', 'dynamic'] as const).flatMap((kind) => [
  { kind, dynamic: false },
  { kind, dynamic: true },
]);
const mismatched = ({ kind, dynamic }: Cell): boolean => (kind === 'dynamic') !== dynamic;
const title = ({ kind, dynamic }: Cell): string =>
  `${kind} exporter, ${dynamic ? 'dynamic' : 'static'} importer`;

/** One cell at work. */
class Scene {
  readonly rig = nth(rigs(1), 0);
  readonly witness: Witness;
  readonly #abort = new AbortController();
  readonly reason = new Error('given up');

  constructor(readonly cell: Cell) {
    this.witness = new Witness(this.rig, cell.kind);
  }

  /** From now on callbacks of this name do that. */
  when(name: string, manner: Manner): void {
    this.witness.manner = (callback) => (callback === name ? manner : 'now');
  }

  attach(signal?: AbortSignal): Promise<Attachment | DynamicAttachment> {
    const { buf } = this.witness;
    if (!this.cell.dynamic) return buf.attach('x', { signal });
    return buf.dynamicAttach('x', importer(), { signal });
  }

  attachSync(): Attachment | DynamicAttachment {
    const { buf } = this.witness;
    return this.cell.dynamic ? buf.dynamicAttachSync('x', importer()) : buf.attachSync('x');
  }

  /** Attaches, and gives up when `until` says so. @returns the callbacks, after the one that still ran has ended */
  async givesUp(): Promise<string[]> {
    const attaching = this.attach(this.#abort.signal);
    await settled();
    this.#abort.abort(this.reason);
    expect(await rejected(attaching)).toBe(this.reason);
    this.witness.finish();
    await settled();
    return this.over();
  }

  /** A fence that everybody has to wait for. */
  async moving(): Promise<void> {
    using lock = await this.witness.buf.resv.lock();
    lock.reserve(1);
    lock.addKernel(this.rig.fences.timeline('mover').next());
  }

  /** Nothing is left. @returns the callbacks there were, without the device */
  async over(): Promise<string[]> {
    const { witness, rig } = this;
    witness.rest();
    await witness.buf.setName('nobody is attached');
    witness.buf.close();
    await rig.buffers.idle();
    witness.end();
    expect(witness.broken).toEqual([]);
    expect(witness.calls.at(-1)).toBe('release');
    return witness.calls.slice(0, -1).map((call) => call.replace(' x', ''));
  }
}

/** What happens at attach, up to and with the map. */
function kept({ kind }: Cell): string[] {
  return kind === 'dynamic'
    ? ['attach', 'pin', 'map bidirectional']
    : ['attach', 'map bidirectional'];
}

/** What undoes a pin at attach, and the attach. */
function left({ kind }: Cell): string[] {
  return kind === 'dynamic' ? ['unpin', 'detach'] : ['detach'];
}

const CODES: Readonly<Partial<Record<Manner, string>>> = {
  fails: 'ENOSPC',
  nothing: 'ENOMEM',
  nonsense: 'EIO',
};

for (const cell of CELLS) {
  describe(title(cell), () => {
    it('a refusal by the exporter’s attach is followed by nothing', async () => {
      for (const manner of ['fails', 'fails late'] as const) {
        const scene = new Scene(cell);
        scene.when('attach', manner);
        const attaching = scene.attach();
        scene.witness.finish();
        expect(isInjected(await rejected(attaching))).toBe(true);
        expect(await scene.over()).toEqual(['attach']);
      }
      const scene = new Scene(cell);
      scene.when('attach', 'fails');
      expect(isInjected(thrown(() => scene.attachSync()))).toBe(true);
      expect(await scene.over()).toEqual(['attach']);
    });

    it('who gives up while the exporter attaches has it detached, if it succeeds at all', async () => {
      const scene = new Scene(cell);
      scene.when('attach', 'late');
      expect(await scene.givesUp()).toEqual(['attach', 'detach']);
      const refused = new Scene(cell);
      refused.when('attach', 'fails late');
      expect(await refused.givesUp()).toEqual(['attach']);
    });

    it('who gives up while the lock is somebody else’s leaves nothing behind', async () => {
      const scene = new Scene(cell);
      const lock = await scene.witness.buf.resv.lock();
      scene.witness.held = true;
      const abort = new AbortController();
      const attaching = scene.attach(abort.signal);
      await settled();
      abort.abort(scene.reason);
      expect(await rejected(attaching)).toBe(scene.reason);
      await settled();
      lock.unlock();
      scene.witness.held = false;
      const mapped = mismatched(cell) && cell.kind !== 'dynamic';
      expect(await scene.over()).toEqual(
        mapped
          ? ['attach', 'map bidirectional', 'unmap bidirectional', 'detach']
          : ['attach', 'detach'],
      );
    });

    if (mismatched(cell)) {
      it('a map that fails at attach is undone in the opposite order of what was done', async () => {
        for (const manner of ['fails', 'nothing', 'nonsense'] as const) {
          for (const blocking of [false, true]) {
            const scene = new Scene(cell);
            scene.when('map', manner);
            const error = blocking
              ? thrown(() => scene.attachSync())
              : await rejected(scene.attach());
            expect(error).toMatchObject({ code: CODES[manner] });
            const undone = manner === 'nonsense' ? ['unmap bidirectional'] : [];
            await settled();
            expect(await scene.over()).toEqual([...kept(cell), ...undone, ...left(cell)]);
          }
        }
      });

      it('who gives up while it maps at attach has that undone when it has ended', async () => {
        const scene = new Scene(cell);
        scene.when('map', 'late');
        const unmapped = ['unmap bidirectional'];
        expect(await scene.givesUp()).toEqual([...kept(cell), ...unmapped, ...left(cell)]);
        const failing = new Scene(cell);
        failing.when('map', 'fails late');
        expect(await failing.givesUp()).toEqual([...kept(cell), ...left(cell)]);
      });
    } else {
      it('a map that fails leaves the attachment as it was', async () => {
        for (const manner of ['fails', 'nothing', 'nonsense'] as const) {
          const scene = new Scene(cell);
          const att = await scene.attach();
          scene.when('map', manner);
          const lock = await scene.witness.buf.resv.lock();
          const error = await rejected(
            cell.dynamic
              ? (att as DynamicAttachment).map(lock, 'to-device')
              : (att as Attachment).map('to-device'),
          );
          lock.unlock();
          expect(error).toMatchObject({ code: CODES[manner] });
          scene.witness.rest();
          const undone = manner === 'nonsense' ? ['unmap to-device'] : [];
          await att.detach();
          expect(await scene.over()).toEqual(['attach', 'map to-device', ...undone, 'detach']);
        }
      });
    }

    if (!cell.dynamic) {
      it('who gives up while the memory is still being moved in has it unmapped', async () => {
        const scene = new Scene(cell);
        await scene.moving();
        if (mismatched(cell)) {
          expect(await scene.givesUp()).toEqual([
            ...kept(cell),
            'unmap bidirectional',
            ...left(cell),
          ]);
          return;
        }
        const att = (await scene.attach()) as Attachment;
        const given = att.map('from-device', { timeout: 0 });
        expect(await rejected(given)).toMatchObject({ code: 'ETIMEDOUT' });
        expect(att.cached).toBe(false);
        await att.detach();
        const undone = ['map from-device', 'unmap from-device'];
        expect(await scene.over()).toEqual(['attach', ...undone, 'detach']);
      });
    }
  });
}

describe('dynamic exporter', () => {
  it('a pin that fails at attach is followed by the detach alone', async () => {
    for (const manner of ['fails', 'fails late'] as const) {
      const scene = new Scene({ kind: 'dynamic', dynamic: false });
      scene.when('pin', manner);
      const attaching = scene.attach();
      scene.witness.finish();
      expect(isInjected(await rejected(attaching))).toBe(true);
      await settled();
      expect(await scene.over()).toEqual(['attach', 'pin', 'detach']);
    }
  });

  it('who gives up while it pins has that undone when it has ended', async () => {
    for (const dynamic of [false, true]) {
      const scene = new Scene({ kind: 'dynamic', dynamic });
      if (!dynamic) {
        scene.when('pin', 'late');
        expect(await scene.givesUp()).toEqual(['attach', 'pin', 'unpin', 'detach']);
        continue;
      }
      const att = (await scene.attach()) as DynamicAttachment;
      scene.when('pin', 'late');
      const lock = await att.buf.resv.lock();
      const pinning = att.pin(lock, { timeout: 0 });
      expect(await rejected(pinning)).toMatchObject({ code: 'ETIMEDOUT' });
      lock.unlock();
      scene.witness.finish();
      await settled();
      await att.detach();
      expect(await scene.over()).toEqual(['attach', 'pin', 'unpin', 'detach']);
    }
  });

  it('a pin that fails leaves the attachment as it was', async () => {
    const scene = new Scene({ kind: 'dynamic', dynamic: true });
    const att = (await scene.attach()) as DynamicAttachment;
    scene.when('pin', 'fails');
    const lock = await att.buf.resv.lock();
    expect(isInjected(await rejected(att.pin(lock)))).toBe(true);
    lock.unlock();
    scene.witness.rest();
    await att.detach();
    expect(await scene.over()).toEqual(['attach', 'pin', 'detach']);
  });
});
