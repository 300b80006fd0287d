// SPDX-License-Identifier: MIT
/**
 * host/node-workers — worker threads as members of a domain: starting them, what they inherit, and their deaths.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';
import { fail, reviveError, shown } from '../errors.js';
import type { Words } from '../mem/index.js';
import { dropGate, newGate, shut } from './addon-gate.js';

/** What spawn() puts into workerData. */
export interface Inheritance {
  readonly dmabuf: 'spawn';
  readonly arena: SharedArrayBuffer;
  readonly heap: SharedArrayBuffer;
  /** What the threads of its process share in a domain of processes; else null. For the domain to know. */
  readonly process: unknown;
  readonly name: string;
  readonly data: unknown;
  readonly debug: boolean;
  readonly stallAfter: number;
  /** See addon-gate. */
  readonly gate: Words | null;
}

/** What we need of a node:worker_threads Worker. */
export interface WorkerLike {
  on(event: 'exit', listener: (code: number) => void): unknown;
  terminate(): Promise<number>;
}

/** What this thread was spawned with; null when no domain spawned it. */
export function inheritance(): Inheritance | null {
  const data: unknown = workerData;
  const spawned =
    !isMainThread &&
    typeof data === 'object' &&
    data !== null &&
    (data as { dmabuf?: unknown }).dmabuf === 'spawn';
  return spawned ? (data as Inheritance) : null;
}

/** The number by which a starter and the started thread know each other: never 0, unique in the process. */
export function memberNumber(ofThread: number = threadId): number {
  return 0x4000_0000 | ofThread;
}

/** The member number of a Worker that somebody else started, or 0 when it tells none. */
export function memberOf(worker: WorkerLike): number {
  const { threadId: id } = worker as { threadId?: unknown };
  return typeof id === 'number' && id > 0 ? memberNumber(id) : 0;
}

class GatedWorker extends Worker {
  readonly #gate;

  constructor(script: URL, inherited: Omit<Inheritance, 'gate'>, gate: Words | null) {
    super(script, { name: inherited.name, workerData: { ...inherited, gate } });
    this.#gate = gate;
  }

  override terminate(): Promise<number> {
    const loaded = shut(this.#gate);
    return loaded === null ? super.terminate() : loaded.then(() => super.terminate());
  }
}

/** Why there is no thread. */
function notStarted(cause: unknown): Error {
  const op = 'Domain.spawn';
  const { name, message } = cause as Error;
  if (name !== 'DataCloneError')
    return fail('EIO', op, {}, { why: 'no thread was started', cause });
  return fail('EINVAL', op, {}, { why: `data must be JSON: ${message}`, cause });
}

/**
 * Starts a thread. `onEnd` is called once, with the error that ended it, if one did, and its exit code.
 * @throws EINVAL data that cannot be posted · EIO the platform starts no thread
 */
export function startWorker(
  script: URL,
  inherited: Omit<Inheritance, 'gate'>,
  onEnd: (code: number, error: unknown) => void,
): Worker {
  const gate = newGate();
  let worker: GatedWorker;
  try {
    worker = new GatedWorker(script, inherited, gate);
  } catch (cause) {
    dropGate(gate);
    throw notStarted(cause);
  }
  let error: unknown;
  worker.on('error', (reason) => {
    error = reviveError(reason);
  });
  worker.on('exit', (code) => {
    dropGate(gate);
    onEnd(code, error);
  });
  return worker;
}

/**
 * The file to start. A `.ts` that this Node cannot run, or that is not there, stands for the `.js` built beside it, so that
 * `new URL('./worker.ts', import.meta.url)` works in source and in build.
 * @throws EINVAL not a file: URL or path · ENOENT no such file
 */
export function scriptUrl(script: unknown): URL {
  const op = 'Domain.spawn';
  const url = asUrl(script);
  if (url === null) {
    const why =
      'script must be a file: URL or an absolute path: new URL("./worker.ts", import.meta.url)';
    throw fail('EINVAL', op, { script: shown(script) }, { why });
  }
  if (url.protocol !== 'file:') return url;
  const built = new URL(url);
  built.pathname = url.pathname.replace(/\.([cm]?)tsx?$/, '.$1js');
  const { typescript } = process.features as { typescript?: string | false };
  const runsTypes = typescript !== undefined && typescript !== false;
  const loader = process.execArgv.some((arg) =>
    /^--(import|loader|experimental-(strip|transform))/.test(arg),
  );
  const there = existsSync(fileURLToPath(url));
  if (there && (built.href === url.href || runsTypes || loader)) return url;
  if (existsSync(fileURLToPath(built))) return built;
  if (there) return url;
  throw fail('ENOENT', op, { script: fileURLToPath(url) }, { why: 'there is no such script' });
}

function asUrl(script: unknown): URL | null {
  if (script instanceof URL) return script;
  if (typeof script !== 'string') return null;
  if (script.startsWith('/')) return pathToFileURL(script);
  return URL.canParse(script) ? new URL(script) : null;
}
