// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config';
import { onProcesses } from './test/hosts.js';

/** Threads and processes need the built files, so Node itself loads the package, as it would for a user. */
const built = { deps: { external: [/\/dist\//] } };

export default defineConfig({
  test: {
    // More than the cores of the smallest machine: files of threads spend a part of their time waiting for each other.
    maxWorkers: 3,
    reporters: ['default', './scripts/line-reporter.mjs'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,kernel,conform}/**/*.test.ts'],
          exclude: ['test/unit/host/**'],
          pool: 'threads',
          testTimeout: 20_000,
        },
      },
      {
        // A process each: they count its descriptors.
        test: {
          name: 'host',
          include: ['test/unit/host/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'threads',
          include: ['test/threads/**/*.test.ts'],
          pool: 'forks',
          execArgv: ['--expose-gc'],
          // Decides nothing: a machine that is busy with something else takes its time.
          testTimeout: 60_000,
          server: built,
        },
      },
      {
        // The same files with each agent in a process of its own, and what only processes can do.
        test: {
          name: 'processes',
          ...onProcesses(process.env['DMABUF_PROCESSES'] === 'all'),
          env: { DMABUF_HOST: 'process' },
          pool: 'forks',
          execArgv: ['--expose-gc'],
          testTimeout: 60_000,
          server: built,
        },
      },
      {
        // Runs the compiler on what must and what must not compile; needs the built declarations.
        test: {
          name: 'types',
          include: ['test/types/**/*.test.ts'],
          pool: 'threads',
          testTimeout: 60_000,
        },
      },
    ],
  },
});
