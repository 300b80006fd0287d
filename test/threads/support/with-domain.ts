// SPDX-License-Identifier: MIT
/**
 * A domain for one test. It must be empty when the test is over: whoever leaves a buffer, a lock or a member behind fails the
 * test, with the stack that made it.
 */
import { Domain, type DomainEventMap, type DomainOptions, type DomainSnapshot, MiB } from 'dmabuf';
import { HOSTED } from './host.js';

type Leak = DomainEventMap['leak'];

/** Runs `test` in a domain of its own, looks whether it is empty afterwards, and closes it in any case. */
export async function withDomain(
  options: DomainOptions,
  test: (domain: Domain) => Promise<void>,
): Promise<void> {
  const domain = await Domain.create({ heap: 16 * MiB, ...HOSTED, ...options, debug: true });
  const leaks: Leak[] = [];
  domain.on('leak', (leak) => leaks.push(leak));
  let left: string[] = [];
  try {
    await test(domain);
    await domain.idle({ timeout: 10_000 });
    left = leftovers(domain.snapshot(), domain.agent);
  } finally {
    await domain.close();
  }
  const all = [...left, ...leaks.map(describe)];
  if (all.length > 0) throw new Error(`the domain is not empty:\n${all.join('\n')}`);
}

/** What a domain that only `self` is in should not have. */
function leftovers(snapshot: DomainSnapshot, self: string): string[] {
  const found: string[] = [];
  for (const buffer of snapshot.buffers) {
    const { id, name, refs, inFlight, attachments, lock, fences } = buffer;
    const holders = JSON.stringify({ refs, inFlight, attachments, lock, fences });
    found.push(`buffer ${id} ${name ?? '(no name)'} ${holders}`);
  }
  for (const { name, id, waitingFor } of snapshot.members) {
    if (name !== self) found.push(`member ${name} (${id}) waits for ${waitingFor ?? 'nothing'}`);
    else if (waitingFor !== null) found.push(`we wait for ${waitingFor}`);
  }
  for (const { name, used } of snapshot.heaps) {
    if (used !== 0) found.push(`heap ${name}: ${used} bytes used`);
  }
  return found;
}

function describe({ kind, id, stack }: Leak): string {
  return `leak: ${kind} ${id} made at ${stack ?? '(no stack)'}`;
}
