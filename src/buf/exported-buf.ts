// SPDX-License-Identifier: MIT
/**
 * buf/exported-buf — the exporter's own reference; that of a dynamic exporter can move the buffer.
 */

import { fail } from '../errors.js';
import { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import { DmaBuf } from './dma-buf.js';
import type { Export } from './export.js';
import type { Reference } from './reference.js';

/** @internal */
export let makeExportedBuf: <P>(exported: Export<P>, reference: Reference) => ExportedBuf<P>;
/** @internal */
export let makeDynamicExportedBuf: <P>(
  exported: Export<P>,
  reference: Reference,
) => DynamicExportedBuf<P>;

/** The exporter's own reference. @source dma_buf_export */
export class ExportedBuf<P> extends DmaBuf {
  /** What export() was given. */
  readonly priv: P;

  static {
    makeExportedBuf = (exported, reference) => new ExportedBuf(exported, reference);
  }

  protected constructor();
  /** @internal */
  protected constructor(exported: Export<P>, reference: Reference);
  protected constructor(exported?: Export<P>, reference?: Reference) {
    if (exported === undefined || reference === undefined) {
      const why = 'exported buffers come from domain.export() and domain.dynamicExport()';
      throw fail('EINVAL', 'new ExportedBuf', {}, { why });
    }
    super(exported.buffers, reference, false);
    this.priv = exported.priv;
  }
}

/** Pinned, or about to be unpinned again by who gave up. */
function staysPut({ dynamic, pins, late }: Attached): boolean {
  return !dynamic || pins.size > 0 || late > 0;
}

/** The only reference that can move the buffer. */
export class DynamicExportedBuf<P> extends ExportedBuf<P> {
  readonly #exported: Export<P>;

  static {
    makeDynamicExportedBuf = (exported, reference) => new DynamicExportedBuf(exported, reference);
  }

  protected constructor();
  /** @internal */
  protected constructor(exported: Export<P>, reference: Reference);
  protected constructor(...made: [] | [Export<P>, Reference]) {
    const [exported, reference] = made as [Export<P>, Reference];
    super(exported, reference);
    this.#exported = exported;
  }

  /**
   * Makes all mappings of dynamic importers stale, at once and in every agent, then calls their moveNotify(): here, the newest
   * attachment first; in other agents when they come to it. Nobody is waited for. Then wait for "bookkeep", then move. The old
   * memory stays its importers' until they have closed their stale mappings: each comes to your `unmap`, with its old segments.
   * @throws ENOLCK · EBUSY pinned, or mapped by a static importer or for the CPU · EIO a moveNotify threw: all were called, see `cause` · ESTALE
   * @example await camera.moveNotify(lock); await lock.wait("bookkeep");
   * @source dma_buf_move_notify
   */
  async moveNotify(lock: HeldLock): Promise<void> {
    const op = 'DynamicExportedBuf.moveNotify';
    const { resv, id } = this.use(op);
    HeldLock.require(op, lock, resv);
    const attachments = [...this.#exported.attachments];
    if (attachments.some(staysPut) || (this.#exported.shared?.count ?? 0) > 0) {
      const why =
        'the buffer is pinned, or mapped by a static importer or for the CPU: it cannot move now';
      throw fail('EBUSY', op, { buffer: id }, { why });
    }
    this.#exported.moved(lock);
    const causes = this.buffers.moves.tell(attachments);
    const [cause] = causes;
    if (causes.length > 0)
      throw fail('EIO', op, { buffer: id }, { why: 'a moveNotify threw', cause });
  }
}
