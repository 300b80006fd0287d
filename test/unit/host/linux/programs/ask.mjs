// SPDX-License-Identifier: MIT
/** Says whether system calls are to be had, and what happens otherwise: `argv` names a built copy of the library. */
import { pathToFileURL } from 'node:url';

const rooms = pathToFileURL(`${process.argv[2]}/`);
const { hasLinux, whyNotLinux } = await import(new URL('host/linux/library.js', rooms));
const { createMemoryFile } = await import(new URL('host/linux/memory-file.js', rooms));
const { giveWay } = await import(new URL('host/give-way.js', rooms));

console.log(`${hasLinux()}: ${whyNotLinux()}`);
console.log(giveWay() === null ? 'keeps the core' : 'gives the core away');
try {
  createMemoryFile('x', 65_536);
  console.log('a file');
} catch ({ code, message }) {
  console.log(`${code} ${message}`);
}
