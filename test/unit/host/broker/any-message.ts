// SPDX-License-Identifier: MIT
/** Any message between broker and members, and how many descriptors it comes with. */
import { ERROR_CODES } from '../../../../src/errors.js';
import type { Message } from '../../../../src/host/broker/messages.js';
import { fc } from '../../properties.js';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const size = fc.maxSafeNat();
const station = fc.record({ station: fc.nat(255), life: u32 });
const key = fc.record({ row: u32, generation: u32 });
const code = fc.constantFrom(...ERROR_CODES);
const why = fc.string({ maxLength: 100 });

const type = <T extends Message['type']>(name: T): fc.Arbitrary<T> => fc.constant(name);

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: type('HELLO'), pid: u32, again: fc.boolean(), station, arena: size }),
  fc.record({ type: type('BYE') }),
  fc.record({ type: type('PUBLISH'), request: u32, key, bytes: size }),
  fc.record({ type: type('WITHDRAW'), key }),
  fc.record({ type: type('FETCH'), request: u32, key }),
  fc.record({
    type: type('WELCOME'),
    station,
    broker: station,
    arena: size,
    slabs: u32,
    bells: u32,
  }),
  fc.record({ type: type('SLABS'), list: fc.array(size, { maxLength: 20 }) }),
  fc.record({ type: type('JOINED'), list: fc.array(station, { maxLength: 20 }) }),
  fc.record({ type: type('LEFT'), station }),
  fc.record({ type: type('REFUSED'), code, why }),
  fc.record({ type: type('DONE'), request: u32 }),
  fc.record({ type: type('FAILED'), request: u32, code, why }),
  fc.record({ type: type('MEMORY'), request: u32, bytes: size }),
);

const ONE = new Set<Message['type']>(['HELLO', 'PUBLISH', 'WELCOME', 'MEMORY']);

export function descriptorsOf(message: Message): number {
  if ('list' in message) return message.list.length;
  return ONE.has(message.type) ? 1 : 0;
}
