// SPDX-License-Identifier: MIT
/** Messages between broker and members: what is encoded is decoded, and everything else is refused. */
import { describe, expect, it } from 'vitest';
import { DmaBufError, ERROR_CODES } from '../../../../src/errors.js';
import {
  decode,
  encode,
  type Message,
  MOST_DESCRIPTORS,
} from '../../../../src/host/broker/messages.js';
import { fc } from '../../properties.js';
import { anyMessage, descriptorsOf } from './any-message.js';

/** What decoding may say about bytes that are no message. */
function refusedAs(packet: Uint8Array, descriptors: number): string | null {
  try {
    decode(packet, descriptors);
    return null;
  } catch (error) {
    if (!DmaBufError.is(error)) throw error;
    return error.code;
  }
}

const REFUSALS = ['EPROTO', 'EPROTONOSUPPORT'];

describe('any message', () => {
  it('is what it was, at the other side', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(decode(encode(message), descriptorsOf(message))).toEqual(message);
      }),
    );
  });

  it('is refused with one descriptor more or less than it should have', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const count = descriptorsOf(message);
        for (const wrong of [count - 1, count + 1])
          expect(refusedAs(encode(message), wrong)).toBe('EPROTO');
      }),
    );
  });

  it('is refused when it is cut anywhere, or goes on', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, at) => {
        const packet = encode(message);
        const count = descriptorsOf(message);
        expect(refusedAs(packet.subarray(0, at % packet.length), count)).toBe('EPROTO');
        expect(refusedAs(Uint8Array.from([...packet, 0]), count)).toBe('EPROTO');
      }),
    );
  });

  it('with any byte changed is another message, or refused', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, by) => {
        const packet = encode(message);
        const place = at % packet.length;
        packet[place] = (packet[place] ?? 0) ^ by;
        const code = refusedAs(packet, descriptorsOf(message));
        expect([null, ...REFUSALS]).toContain(code);
      }),
    );
  });
});

it('bytes that are no message are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(3), (packet, count) => {
      expect(REFUSALS).toContain(refusedAs(packet, count));
    }),
  );
});

describe('values out of range', () => {
  const WRONG: readonly [string, Message][] = [
    ['a row below 0', { type: 'LEFT', station: { station: -1, life: 1 } }],
    ['a row that no table has', { type: 'LEFT', station: { station: 256, life: 1 } }],
    ['a life beyond 32 bits', { type: 'LEFT', station: { station: 1, life: 2 ** 32 } }],
    ['a size that is none', { type: 'MEMORY', request: 1, bytes: 0.5 }],
    [
      'a list too long',
      { type: 'SLABS', list: Array.from({ length: MOST_DESCRIPTORS + 1 }, () => 1) },
    ],
  ];

  it.each(WRONG)('%s is not sent', (_, message) => {
    expect(() => encode(message)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('a row that no table has is refused', () => {
    const packet = encode({ type: 'LEFT', station: { station: 0, life: 1 } });
    packet[17] = 1;
    expect(refusedAs(packet, 0)).toBe('EPROTO');
  });

  it('a size beyond what a number holds is refused', () => {
    const packet = encode({ type: 'MEMORY', request: 1, bytes: 0 });
    packet.fill(0xff, -8);
    expect(refusedAs(packet, 1)).toBe('EPROTO');
  });

  it('a text that is no UTF-8, or too long, is refused; one that is too long to send is cut', () => {
    const why = 'ä'.repeat(1000);
    const message = decode(encode({ type: 'REFUSED', code: 'EPROTO', why }), 0);
    expect(message).toMatchObject({ why: 'ä'.repeat(512) });
    const packet = encode({ type: 'REFUSED', code: 'EPROTO', why: 'ä' });
    packet.fill(0xff, -1);
    expect(refusedAs(packet, 0)).toBe('EPROTO');
  });

  it('every code of an error arrives', () => {
    for (const code of ERROR_CODES)
      expect(decode(encode({ type: 'REFUSED', code, why: '' }), 0)).toMatchObject({ code });
  });
});
