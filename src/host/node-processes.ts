// SPDX-License-Identifier: MIT
/**
 * host/node-processes — child processes as members of a domain: starting them, and what they inherit.
 *
 * What a child inherits stands in a memory file, which it finds at a descriptor that its environment names: data may be longer than
 * a command line can be, and is nobody else's to read.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, fstatSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import { fail } from '../errors.js';
import { closeDescriptor } from './linux/descriptors.js';
import { createMemoryFile } from './linux/memory-file.js';

/** Names the descriptor. */
const VARIABLE = 'DMABUF_HERITAGE';
/** What the memory file is called. */
const FILE = 'dmabuf-heritage';
/** Of the descriptor in the child: behind the standard three, and the channel to its parent. */
const DESCRIPTOR = 4;

/** What spawn() leaves to a process. */
export interface ProcessHeritage {
  readonly dmabuf: 'spawn';
  /** Of the broker's socket. */
  readonly path: string;
  /** Id of the user whose domain it is. */
  readonly owner: number;
  readonly name: string;
  readonly data: unknown;
  readonly debug: boolean;
  readonly stallAfter: number;
}

/** The number by which a starter and the started process know each other: never 0, no thread has it. */
export function processNumber(pid: number = process.pid): number {
  return 0x2000_0000 | pid;
}

let inherited: ProcessHeritage | null | undefined;

/** What this process was spawned with; null when no domain spawned it. */
export function processHeritage(): ProcessHeritage | null {
  if (!isMainThread) return null;
  inherited ??= takeHeritage();
  return inherited;
}

/** Once: who is started by this process shall not find it again. */
function takeHeritage(): ProcessHeritage | null {
  const { [VARIABLE]: variable } = process.env;
  if (variable === undefined) return null;
  delete process.env[VARIABLE];
  const descriptor = Number(variable);
  try {
    // Who is started by somebody who has not joined inherits the name, and has something else there.
    if (!readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(`/memfd:${FILE}`))
      throw new RangeError(`descriptor ${descriptor} is something else`);
    const bytes = Buffer.alloc(fstatSync(descriptor).size);
    readSync(descriptor, bytes, 0, bytes.length, 0);
    closeSync(descriptor);
    return deserialize(bytes) as ProcessHeritage;
  } catch (cause) {
    const why = `the environment variable ${VARIABLE} is not of a domain that spawned this process`;
    throw fail('EPROTO', 'Domain.join', {}, { why, cause });
  }
}

/** As a message to a thread would carry it, and refuse it. @throws EINVAL */
function asBytes(heritage: ProcessHeritage): Buffer {
  try {
    return serialize(heritage);
  } catch (cause) {
    const why = `data must be JSON: ${(cause as Error).message}`;
    throw fail('EINVAL', 'Domain.spawn', {}, { why, cause });
  }
}

/**
 * Starts a process. `onEnd` is called once, with what ended it.
 * @throws EINVAL data is no JSON · EIO the platform starts no process
 */
export function startProcess(
  script: URL,
  heritage: ProcessHeritage,
  onEnd: (reason: string, code: number | null, error: unknown) => void,
): ChildProcess {
  const bytes = asBytes(heritage);
  const descriptor = createMemoryFile(FILE, bytes.length);
  try {
    writeSync(descriptor, bytes, 0, bytes.length, 0);
    const child = fork(fileURLToPath(script), [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', descriptor],
      serialization: 'advanced',
      env: { ...process.env, [VARIABLE]: `${DESCRIPTOR}` },
    });
    watch(child, onEnd);
    return child;
  } catch (cause) {
    throw fail('EIO', 'Domain.spawn', {}, { why: 'no process was started', cause });
  } finally {
    closeDescriptor(descriptor);
  }
}

function watch(child: ChildProcess, onEnd: Parameters<typeof startProcess>[2]): void {
  let over = false;
  const end: typeof onEnd = (...how) => {
    if (over) return;
    over = true;
    onEnd(...how);
  };
  child.on('error', (error) => {
    // Also told when a message could not be sent: then it still lives.
    if (child.pid === undefined) end(error.message, null, error);
  });
  child.on('exit', (code, signal) => {
    end(signal === null ? `exit code ${code}` : `killed by ${signal}`, code, undefined);
  });
}
