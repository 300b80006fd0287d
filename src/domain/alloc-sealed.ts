// SPDX-License-Identifier: MIT
/**
 * domain/alloc-sealed — buffers that nobody but their maker can write to, as a call.
 */

import type { DmaBuf, SealedOptions } from '../buf/index.js';
import { fail, shown } from '../errors.js';
import { attempt } from './attempt.js';
import { Domain } from './domain.js';

/**
 * A zeroed buffer that nobody but this agent can write to, whatever they do. Others get it as any other buffer, and may only read: writing
 * is `EACCES`, and who writes past that is ended by the system (SIGSEGV). They open its memory when they first need its bytes, which
 * may wait for the broker. Each takes a descriptor, and a mapping in each agent that opens it: for few and large ones. In a domain
 * of processes, and in the agent through which its process is in the domain.
 * @throws ENOTSUP a domain of threads, or a thread of a process · ENOMEM · ENFILE · EINVAL · ESTALE · ETIMEDOUT · the signal's reason
 * @example using table = await allocSealed(domain, 64 * MiB, { name: 'table' });
 * @source memfd_create, F_SEAL_FUTURE_WRITE, UDMABUF_CREATE
 */
export function allocSealed(
  domain: Domain,
  size: number,
  options: SealedOptions = {},
): Promise<DmaBuf> {
  const op = 'allocSealed';
  return attempt(() => {
    if (domain instanceof Domain) return domain.buffers.sealed.make(op, size, options);
    throw fail('EINVAL', op, { domain: shown(domain) }, { why: 'domain must be a Domain' });
  });
}
