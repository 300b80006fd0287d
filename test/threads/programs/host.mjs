// SPDX-License-Identifier: MIT
/** Where the members of a program live: as support/host.ts. */
const inProcesses = process.env.DMABUF_HOST === 'process';

export const HOST = inProcesses ? 'process' : 'thread';
export const HOSTED = inProcesses ? { processes: true } : {};
