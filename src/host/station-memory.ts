// SPDX-License-Identifier: MIT
/**
 * host/station-memory — the arena and the slabs of a domain of processes: memory files, and this process' mappings of them.
 *
 * The descriptors stay open as long as the station is in the domain: whoever becomes the broker gives them to newcomers.
 */

import { closeAll } from './linux/descriptors.js';
import { discard, mapShared } from './linux/mapped-memory.js';
import { createMemoryFile } from './linux/memory-file.js';

/** What a SharedArrayBuffer over a memory file is a multiple of. */
const UNIT = 65_536;
/** The largest one there can be: as much as a WebAssembly memory has. */
const MOST = 4 * 2 ** 30;

/** A memory file, and its size in bytes. */
export interface SizedFile {
  readonly descriptor: number;
  readonly bytes: number;
}

/** Slabs as the heap wants them. */
export interface Slabs {
  readonly slabs: readonly SharedArrayBuffer[];
  readonly slabBytes: number;
  discard(slab: number, offset: number, bytes: number): void;
}

export interface StationMemory {
  readonly arena: SharedArrayBuffer;
  readonly heap: Slabs;
  readonly arenaFile: SizedFile;
  readonly slabFiles: readonly SizedFile[];
}

function whole(bytes: number): number {
  return Math.ceil(bytes / UNIT) * UNIT;
}

/** Sizes of the slabs of a heap: few and large ones. */
function slabSizes(bytes: number): number[] {
  const sizes: number[] = [];
  for (let left = whole(bytes); left > 0; left -= MOST) sizes.push(Math.min(left, MOST));
  return sizes;
}

/** New memory, all 0. @throws ENOMEM · ENFILE · ENOTSUP */
export function makeMemory(op: string, arenaBytes: number, heapBytes: number): StationMemory {
  const files: SizedFile[] = [];
  const add = (name: string, bytes: number): void => {
    files.push({ descriptor: createMemoryFile(name, bytes), bytes });
  };
  try {
    add('dmabuf-arena', whole(arenaBytes));
    for (const bytes of slabSizes(heapBytes)) add('dmabuf-slab', bytes);
    const [arenaFile, ...slabFiles] = files as [SizedFile, ...SizedFile[]];
    return mapMemory(op, arenaFile, slabFiles);
  } catch (error) {
    closeAll(files.map(({ descriptor }) => descriptor));
    throw error;
  }
}

/** The memory of a domain. The files are checked, and stay open; they are the caller's if it throws. @throws ENOMEM · ENOTSUP */
export function mapMemory(
  op: string,
  arenaFile: SizedFile,
  slabFiles: readonly SizedFile[],
): StationMemory {
  const map = ({ descriptor, bytes }: SizedFile): SharedArrayBuffer =>
    mapShared(op, descriptor, bytes);
  const slabs = slabFiles.map(map);
  return {
    arena: map(arenaFile),
    heap: asHeap(slabs, slabs[0]?.byteLength ?? 0),
    arenaFile,
    slabFiles,
  };
}

/** Slabs that are mapped already. */
export function asHeap(slabs: readonly SharedArrayBuffer[], slabBytes: number): Slabs {
  return {
    slabs,
    slabBytes,
    discard(slab, offset, bytes) {
      const memory = slabs[slab];
      if (memory !== undefined) discard(memory, offset, bytes);
    },
  };
}

/** Of the memory files; the mappings go when nobody refers to them. */
export function closeMemory({ arenaFile, slabFiles }: StationMemory): void {
  closeAll([arenaFile, ...slabFiles].map(({ descriptor }) => descriptor));
}
