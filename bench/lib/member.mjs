// SPDX-License-Identifier: MIT
/** The other party of one of our own cases: a thread of the domain, running the same file. */
import { Domain } from 'dmabuf';
import { pin } from './pin.mjs';

/** @returns the worker itself, for messages that are no part of what is measured */
export async function startMember(domain, url, data) {
  const member = await domain.spawn(new URL(url), { data });
  member.host.on('error', (error) => {
    throw error; // a dead party would leave this one waiting for ever
  });
  return member.host;
}

/** First words of the other party: joins the domain, goes to its core. */
export async function enterDomain() {
  const domain = await Domain.join();
  pin([domain.data.cpus[1]]);
  return domain;
}
