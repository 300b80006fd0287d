// SPDX-License-Identifier: MIT
/** The other party of one of our own cases: a thread or a process of the domain, running the same file. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { Domain } from 'dmabuf';
import { pin } from './pin.mjs';
import { endWithParent, portOf } from './process.mjs';

/** @param as  what its members will be: 'thread', or 'process' */
export const createDomain = (as = 'thread') => Domain.create({ processes: as === 'process' });

/** @returns a port to it, for messages that are no part of what is measured */
export async function startMember(domain, url, data, as = 'thread') {
  const { host } = await domain.spawn(new URL(url), { as, data });
  if (as === 'process') {
    host.on('exit', (code, signal) => {
      throw new Error(`the other process ended by ${signal ?? code}`);
    });
    return portOf(host);
  }
  host.on('error', (error) => {
    throw error; // a dead party would leave this one waiting for ever
  });
  return host;
}

/** First words of the other party: joins the domain, goes to its core. */
export async function enterDomain() {
  if (isMainThread) endWithParent();
  const domain = await Domain.join();
  pin([domain.data.cpus[1]]);
  return domain;
}

/** The other end of what startMember() returned. */
export const portToStarter = () => parentPort ?? portOf(process);
