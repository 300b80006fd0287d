// SPDX-License-Identifier: MIT
/** Where koffi is, and where it is not. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  functions,
  hasLinux,
  insist,
  systemError,
  whyNotLinux,
} from '../../../../src/host/linux/library.js';
import { directory, leavesNoDescriptor } from './rig.js';

leavesNoDescriptor();

const DIST = fileURLToPath(new URL('../../../../dist', import.meta.url));
const ASK = fileURLToPath(new URL('programs/ask.mjs', import.meta.url));

/** What is said by a copy of the library that lies where no koffi is, or another one: the text of its module. */
function ask(koffi?: string): string[] {
  const place = directory();
  for (const part of ['errors.js', 'mem', 'host'])
    cpSync(path.join(DIST, part), path.join(place, 'dist', part), { recursive: true });
  writeFileSync(path.join(place, 'package.json'), '{ "type": "module" }');
  if (koffi !== undefined) {
    const module = path.join(place, 'node_modules/koffi');
    mkdirSync(module, { recursive: true });
    writeFileSync(path.join(module, 'index.js'), koffi);
    writeFileSync(path.join(module, 'package.json'), '{}');
  }
  const said = execFileSync(process.execPath, [ASK, path.join(place, 'dist')], {
    encoding: 'utf8',
  });
  return said.trim().split('\n');
}

describe('koffi', () => {
  it('is here', () => {
    expect(whyNotLinux()).toBe(null);
    expect(hasLinux()).toBe(true);
    insist();
    expect(hasLinux()).toBe(true);
  });

  it('is not installed: that is said, threads do without, and calls are ENOTSUP', () => {
    expect(ask()).toEqual([
      'false: koffi is not installed',
      'keeps the core',
      'ENOTSUP ENOTSUP: Domain: koffi is not installed: threads work without it',
    ]);
  });

  it('is there, but cannot be loaded: the reason is said', () => {
    const koffi = 'throw new Error("Cannot find the native Koffi module\\nand more");';
    expect(ask(koffi)[0]).toBe(
      'false: koffi cannot be loaded: Cannot find the native Koffi module',
    );
  });

  it('is too old: the version that it takes is said, and what works goes on', () => {
    const koffi =
      'exports.version = "2.9.0"; exports.load = () => ({ func: () => () => -1 }); exports.errno = () => 38;';
    expect(ask(koffi).slice(0, 2)).toEqual([
      'false: koffi 2.9.0 is too old: it has to be 3.3 or later',
      'gives the core away',
    ]);
  });

  it('is fine, but the system refuses memory files: the reason is said', () => {
    const koffi =
      'exports.version = "3.3.4"; exports.node = { poll() {} }; exports.load = () => ({ func: () => () => -1 }); exports.errno = () => 1;';
    expect(ask(koffi)[0]).toBe(
      'false: this system refuses memory files (memfd_create failed with EPERM)',
    );
  });
});

describe('an error of the system', () => {
  const calls = functions<{ close: (fd: number) => number }>({ close: 'int close(int fd)' });

  it('has the code, the call, and the object', () => {
    expect(calls().close(-1)).toBe(-1);
    expect(systemError('Domain.join', 'close', { descriptor: -1 })).toMatchObject({
      code: 'EBADF',
      op: 'Domain.join',
      at: { descriptor: -1 },
      message: 'EBADF: Domain.join: close failed with EBADF (descriptor -1)',
    });
  });

  it('a function that there is not is told when it is called for, and keeps nobody else from working', () => {
    const missing = functions<{ nothing: () => void }>({ nothing: 'int no_such_function()' });
    expect(() => missing()).toThrow(/no_such_function/);
    expect(calls().close(-1)).toBe(-1);
  });
});
