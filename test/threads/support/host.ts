// SPDX-License-Identifier: MIT
/**
 * Where the agents of a test live: in threads of this process, or in processes of their own. One suite, two hosts: the vitest project
 * says which (see test/hosts.ts).
 */
import type { DomainOptions } from 'dmabuf';

export type Host = 'thread' | 'process';

export const HOST: Host = process.env['DMABUF_HOST'] === 'process' ? 'process' : 'thread';

/** Processes take their time to start: what comes to the same is tried in all its forms only when all tests of processes run. */
export const THOROUGH = HOST === 'thread' || process.env['DMABUF_PROCESSES'] === 'all';

/** What a domain needs to have members there. */
export const HOSTED: DomainOptions = HOST === 'process' ? { processes: true } : {};
