// SPDX-License-Identifier: MIT
/** Reference: two processes contend for the three-state mutex, asleep in a futex. */
import { contendWith, serveRaces } from '../lib/contend.mjs';
import { futexAt } from '../lib/futex.mjs';
import { createMemoryFile, mapMemoryFile } from '../lib/memory-file.mjs';
import {
  enter,
  FIRST_DESCRIPTOR,
  isOtherParty,
  portOf,
  ready,
  startParty,
} from '../lib/process.mjs';
import { mutexParty } from './mutex3.mjs';

const BYTES = 4096;

function party(descriptor) {
  const { memory, address } = mapMemoryFile(descriptor, BYTES);
  return mutexParty(new Int32Array(memory), futexAt(address));
}

export async function measure(options) {
  const descriptor = createMemoryFile(BYTES);
  const { section, counter } = party(descriptor);
  const data = { cpus: options.cpus };
  const child = await startParty(import.meta.url, data, { descriptors: [descriptor] });
  return contendWith(portOf(child), section, counter, options);
}

if (isOtherParty(import.meta.url)) {
  enter();
  const { section, counter } = party(FIRST_DESCRIPTOR);
  serveRaces(portOf(process), section, counter);
  await ready();
}
