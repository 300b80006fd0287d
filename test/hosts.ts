// SPDX-License-Identifier: MIT
/**
 * One suite, two hosts. The tests of threads run a second time with every agent in a process of its own, in the project `processes`:
 * all of them by `npm run test:processes`, and the ones that are quick and tell most by `npm test`, too.
 */

/** Files of test/threads that make sense on threads only, and why. */
export const THREADS_ONLY: Readonly<Record<string, string>> = {
  'addon-gate': 'nobody but a thread of the same process can be ended while it loads an addon',
  examples: 'programs of their own; those of processes are in test/processes',
  kills: 'a program of its own, with an option for processes',
  pipeline: 'a program of its own, with a mode for processes',
  'pipeline-leaks': 'what one agent leaves open',
  'pipeline-reader': 'reads a file',
};

/** Tests elsewhere that have a domain. The other tests of the kernel are about rooms, which know no processes. */
const ALSO = [
  'conform/conform',
  'kernel/dmabuf-heaps',
  'kernel/dmabuf-sync-file',
  'kernel/prime-mmap-handles',
  'kernel/prime-self-import',
  'kernel/prime-vgem',
  'kernel/sw-sync',
  'kernel/sync',
  'kernel/syncobj-basic',
  'kernel/syncobj-eventfd',
  'kernel/syncobj-timeline',
  'kernel/syncobj-wait',
  'kernel/udmabuf',
  'kernel/vgem-basic',
];

/** Those that run on processes whenever all tests run. */
const ALWAYS = [
  'threads/death',
  'threads/fence-race',
  'threads/files',
  'threads/heaps',
  'threads/members',
  'threads/programs',
  'threads/sync-files',
  'threads/syncobj',
];

const OWN = 'test/processes/**/*.test.ts';

const file = (name: string): string => `test/${name}.test.ts`;

/** What the project `processes` runs. */
export function onProcesses(all: boolean): {
  readonly include: string[];
  readonly exclude: string[];
} {
  if (!all) return { include: [OWN, ...ALWAYS.map(file)], exclude: [] };
  const exclude = Object.keys(THREADS_ONLY).map((name) => file(`threads/${name}`));
  return { include: [OWN, file('threads/*'), ...ALSO.map(file)], exclude };
}
