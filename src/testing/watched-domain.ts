// SPDX-License-Identifier: MIT
/**
 * testing/watched-domain — the domain as an exporter under test is given it: its exports are looked at, its memory may run out.
 */

import type { AllocOptions, DmaBuf, Domain, Heap } from 'dmabuf';
import type { Monitor } from './monitor.js';
import { overlay } from './overlay.js';
import type { Scarcity } from './scarcity.js';

type Alloc = (size: number, options?: AllocOptions) => DmaBuf;
interface Info {
  readonly size: number;
  readonly ops: object;
}

/** The same domain, but for those who export and allocate. */
export function watchedDomain(domain: Domain, monitor: Monitor, scarcity: Scarcity): Domain {
  const allocating =
    (alloc: Alloc): Alloc =>
    (size, options) =>
      scarcity.alloc(() => (options === undefined ? alloc(size) : alloc(size, options)));
  const watched = (info: unknown): unknown => {
    if (!isInfo(info)) return info;
    return overlay(info, (key, value) =>
      key === 'ops' ? monitor.ops(info.ops, info.size) : value,
    );
  };
  return overlay(domain, (key, value) => {
    if (key === 'export' || key === 'dynamicExport') {
      const exporting = value as (info: unknown) => unknown;
      return (info: unknown) => exporting(watched(info));
    }
    if (key === 'alloc') return allocating(value as Alloc);
    if (key !== 'heap') return value;
    const heap = value as (name: string) => Heap;
    return (name: string) =>
      overlay(heap(name), (of, member) => (of === 'alloc' ? allocating(member as Alloc) : member));
  });
}

/** What is wrong with any other is said by the export itself. */
function isInfo(info: unknown): info is Info {
  return typeof (info as Partial<Info> | null | undefined)?.ops === 'object' && info !== null;
}
