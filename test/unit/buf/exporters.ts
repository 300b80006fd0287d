// SPDX-License-Identifier: MIT
/**
 * Exporters for tests: they write down each callback, and whether the reservation lock was held while it ran.
 */
import type {
  AttachmentInfo,
  DmaBuf,
  DynamicExportedBuf,
  DynamicExporterOps,
  ExportedBuf,
  SourceSegment,
  StaticExporterOps,
} from '../../../src/buf/index.js';
import type { Rig } from './rig.js';

export interface Journal {
  /** "map gpu bidirectional +": + = the lock was held, - = it was free. */
  readonly calls: string[];
  /** Thrown by the callback of this name, once. */
  readonly failing: Map<string, unknown>;
}

export interface Exported<B extends ExportedBuf<Home>> extends Journal {
  readonly buf: B;
}

export interface Home {
  home: DmaBuf;
}

function journal(): Journal & {
  note(name: string, buf: ExportedBuf<Home>, rest?: string): void;
} {
  const calls: string[] = [];
  const failing = new Map<string, unknown>();
  return {
    calls,
    failing,
    note(name, buf, rest = '') {
      const mark = buf.closed ? '' : buf.resv.locked ? '+' : '-';
      calls.push([name, rest, mark].filter((part) => part !== '').join(' '));
      if (!failing.has(name)) return;
      const error = failing.get(name);
      failing.delete(name);
      throw error;
    },
  };
}

const whole = ({ priv: { home } }: ExportedBuf<Home>): SourceSegment[] => [
  { of: home, offset: 0, length: home.size },
];

export function staticExport(
  rig: Rig,
  size = 100,
  more: Partial<StaticExporterOps<Home>> = {},
): Exported<ExportedBuf<Home>> {
  const { note, calls, failing } = journal();
  const of = (att: AttachmentInfo<Home>): string => att.device.name;
  const buf = rig.buffers.exports.static<Home>({
    exporter: 'camera',
    size,
    priv: { home: rig.heap.alloc(Math.max(size, 1), { name: 'home' }) },
    ops: {
      attach: (att) => note('attach', att.buf, of(att)),
      detach: (att) => note('detach', att.buf, of(att)),
      map(att, direction, ...rest) {
        note('map', att.buf, `${of(att)} ${direction}${rest.length > 0 ? ' lock' : ''}`);
        return whole(att.buf);
      },
      unmap: (att, _segments, direction) => note('unmap', att.buf, `${of(att)} ${direction}`),
      beginCpuAccess: (exported, intent) => note('begin', exported, intent),
      endCpuAccess: (exported, intent) => note('end', exported, intent),
      release({ home }) {
        note('release', buf);
        home.close();
      },
      ...more,
    },
  });
  return { buf, calls, failing };
}

export function dynamicExport(
  rig: Rig,
  size = 100,
  more: Partial<DynamicExporterOps<Home>> = {},
): Exported<DynamicExportedBuf<Home>> {
  const { note, calls, failing } = journal();
  const of = (att: AttachmentInfo<Home>): string => att.device.name;
  const buf = rig.buffers.exports.dynamic<Home>({
    exporter: 'gpu-memory',
    size,
    priv: { home: rig.heap.alloc(size, { name: 'near' }) },
    ops: {
      attach: (att) => note('attach', att.buf, of(att)),
      detach: (att) => note('detach', att.buf, of(att)),
      map(att, direction, lock) {
        note('map', att.buf, `${of(att)} ${direction}${lock.held ? ' lock' : ''}`);
        return whole(att.buf);
      },
      unmap: (att, _segments, direction, lock) =>
        note('unmap', att.buf, `${of(att)} ${direction}${lock.held ? ' lock' : ''}`),
      pin: (att, lock) => note('pin', att.buf, `${of(att)}${lock.held ? ' lock' : ''}`),
      unpin: (att, lock) => note('unpin', att.buf, `${of(att)}${lock.held ? ' lock' : ''}`),
      beginCpuAccess: (exported, intent) => note('begin', exported, intent),
      endCpuAccess: (exported, intent) => note('end', exported, intent),
      release({ home }) {
        note('release', buf);
        home.close();
      },
      ...more,
    },
  });
  return { buf, calls, failing };
}

/** An importer that counts its notifications. */
export function importer(): { moves: number; moveNotify(): undefined } {
  return {
    moves: 0,
    moveNotify() {
      this.moves++;
      return undefined;
    },
  };
}
