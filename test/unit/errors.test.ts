// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import {
  checkInteger,
  checkObject,
  checkTimeout,
  checkWait,
  DmaBufError,
  ERROR_CODES,
  errorCode,
  errorNumber,
  fail,
  reviveError,
} from '../../src/errors.js';

describe('DmaBufError', () => {
  test('says code, call, what to do, and the object', () => {
    const error = fail('EBUSY', 'DmaBuf.setName', { buffer: 3 });
    expect(error.message).toMatch(/^EBUSY: DmaBuf\.setName: attached, .* \(buffer 3\)$/);
    expect(error).toMatchObject({ name: 'DmaBufError', code: 'EBUSY', at: { buffer: 3 } });
    expect(error).toBeInstanceOf(Error);
  });

  test('is known by its brand, with and without a code, and nothing else is', () => {
    const error = fail('EPIPE', 'x');
    expect(DmaBufError.is(error)).toBe(true);
    expect(DmaBufError.is(error, 'EPIPE')).toBe(true);
    expect(DmaBufError.is(error, 'EIO')).toBe(false);
    for (const other of [null, undefined, 'EPIPE', new Error('EPIPE'), { code: 'EPIPE' }]) {
      expect(DmaBufError.is(other)).toBe(false);
    }
  });

  test('an exporter makes its own, of the codes there are', () => {
    const cause = new Error('tiles');
    const error = DmaBufError.of('EBUSY', 'out of reach', cause);
    expect(error).toMatchObject({ code: 'EBUSY', message: 'EBUSY: exporter: out of reach', cause });
    expect(DmaBufError.is(error, 'EBUSY')).toBe(true);
    expect(() => DmaBufError.of('EPERM' as 'EBUSY', 'no')).toThrow(/^EINVAL: .*code EPERM/);
  });

  test('a code is a number in shared memory, and back; 0 is none, an unknown number EIO', () => {
    for (const code of ERROR_CODES) expect(errorCode(errorNumber(code))).toBe(code);
    expect(errorCode(0)).toBeNull();
    expect(errorCode(200)).toBe('EIO');
  });

  test('comes back from another thread as what it was', () => {
    const sent = fail('ENFILE', 'Domain.join', { limit: 2 }, { why: 'all taken' });
    const copy = Object.assign(new Error(sent.message), { name: 'DmaBufError', code: sent.code });
    const revived = reviveError(Object.assign(copy, { op: sent.op, at: sent.at }));
    for (const each of [copy, revived]) expect(DmaBufError.is(each, 'ENFILE')).toBe(true);
    expect(copy).not.toBeInstanceOf(DmaBufError);
    expect(revived).toMatchObject({ message: sent.message, op: sent.op, at: sent.at, cause: copy });
    const other = new TypeError('x');
    expect(reviveError(other)).toBe(other);
    const unknown = Object.assign(new Error('y'), { name: 'DmaBufError', code: 'EWHAT', op: 'z' });
    expect(reviveError(unknown)).toBe(unknown);
    expect(DmaBufError.is(unknown)).toBe(false);
  });
});

describe('checks', () => {
  test.each([-1, 1.5, Number.NaN, 2 ** 53, Infinity, '5', null, undefined, 5n])(
    '%s is no integer >= 0: EINVAL names it and shows the value',
    (value) => {
      expect(() => checkInteger('f', 'size', value, 0)).toThrow(/^EINVAL: f: size must be/);
    },
  );

  test('a time-out is milliseconds >= 0, and endless when absent', () => {
    expect(checkTimeout('f', undefined)).toBe(Infinity);
    expect(checkTimeout('f', 0)).toBe(0);
    expect(checkTimeout('f', Infinity)).toBe(Infinity);
    for (const bad of [-1, Number.NaN, '5', null]) {
      expect(() => checkTimeout('f', bad)).toThrow(/^EINVAL: f: timeout must be/);
    }
  });

  test('options are an object; null is none, and a mistake', () => {
    expect(() => checkObject('f', 'options', {})).not.toThrow();
    for (const bad of [null, undefined, 5, 'x', () => {}]) {
      expect(() => checkObject('f', 'info', bad)).toThrow(/^EINVAL: f: info must be an object/);
    }
  });

  test('what a wait is told is checked, and an aborted signal throws its reason', () => {
    expect(() => checkWait('f', undefined)).not.toThrow();
    const { signal } = new AbortController();
    expect(() => checkWait('f', { timeout: 0, signal })).not.toThrow();
    for (const bad of [null, 1, { timeout: Number.NaN }, { signal: null }, { signal: {} }]) {
      expect(() => checkWait('f', bad as never)).toThrow(/^EINVAL: f: \w+ must be/);
    }
    const reason = new Error('enough');
    const aborted = AbortSignal.abort(reason);
    expect(() => checkWait('f', { signal: aborted })).toThrow(reason);
    expect(() => checkWait('f', { timeout: -1, signal: aborted })).toThrow(/^EINVAL/);
  });
});
