// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/ground — what the agents of a stage share: one memory, as threads have it, or memory files, as processes have them.
 *
 * Agents that stand for processes run in this one all the same. But each maps the files for itself, at addresses of its own, and has
 * a doorbell; nothing else connects them. A wake-up that reaches only threads would reach nobody here.
 */

import { Arena, host, oneSlab, SECTIONS } from './built.mjs';

/** @import {HeapMemory} from '../../src/heap/index.js' */
/** @import {Processes} from '../../src/agent/index.js' */
/** @import {Arena as ArenaMemory, Limits} from '../../src/mem/index.js' */

const PAGE = 4096;
const IDENTITY = /** @type {const} */ ([1, 2]);

/**
 * What one agent has.
 * @typedef {object} Place
 * @property {ArenaMemory} arena
 * @property {HeapMemory} heap
 * @property {Processes | null} processes
 */

/** @typedef {{ readonly places: readonly Place[], close(): void }} Ground */

/** @param {number} agents @param {Limits} limits @returns {Ground} */
function ofThreads(agents, limits) {
  const arena = Arena.create(SECTIONS, limits, IDENTITY);
  const heap = oneSlab(new SharedArrayBuffer(limits.pages * PAGE));
  return {
    places: Array.from({ length: agents }, () => ({ arena, heap, processes: null })),
    close: () => {},
  };
}

/** @param {number} agents @param {Limits} limits @returns {Ground} */
function ofProcesses(agents, limits) {
  const op = 'Domain.create';
  host.insist();
  const first = host.makeMemory(op, Arena.bytes(SECTIONS, limits), limits.pages * PAGE);
  const { arenaFile, slabFiles } = first;
  Arena.create(SECTIONS, limits, IDENTITY, first.arena);
  const stations = Array.from({ length: agents }, (_, station) => {
    const memory = host.mapMemory(op, arenaFile, slabFiles);
    const own = { station, life: 1, ...host.newBell() };
    const doorbells = new host.Doorbells(memory.arena, own, () => true);
    return { memory, own, doorbells };
  });
  for (const { own, doorbells } of stations) {
    for (const other of stations) {
      if (other.own !== own) doorbells.put(other.own.station, host.duplicate(other.own.bell));
    }
  }
  return {
    places: stations.map(({ memory, doorbells }) => ({
      arena: Arena.open(memory.arena, SECTIONS),
      heap: memory.heap,
      processes: doorbells,
    })),
    close() {
      for (const { doorbells } of stations) doorbells.close();
      host.closeMemory(first);
    },
  };
}

/** For a stage of these agents. @param {number} agents @param {Limits} limits @returns {Ground} */
export function groundFor(agents, limits) {
  return process.env['DMABUF_HOST'] === 'process'
    ? ofProcesses(agents, limits)
    : ofThreads(agents, limits);
}
