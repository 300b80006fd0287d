// SPDX-License-Identifier: MIT
/**
 * errors — one table, one class, Linux's codes.
 *
 * The table is the whole vocabulary: the index of a code in `ERROR_CODES` is what stands in a shared fence record, so the
 * order is part of the layout and new codes go to the end. The sentence says what to do, `at` names the object, `op` the call.
 * What crosses from a thread that ended by an error has lost its class: `reviveError` gives it back.
 *
 * @source errno(3); which code in which case: dma-buf, dma_resv, ww_mutex as of Linux 6.1.
 */

/** The whole table. Codes are Linux's wherever Linux has the case. */
export type ErrorCode =
  | 'EINVAL'
  | 'ESTALE'
  | 'ENOLCK'
  | 'EDEADLK'
  | 'EALREADY'
  | 'EBUSY'
  | 'EOWNERDEAD'
  | 'ECANCELED'
  | 'ETIMEDOUT'
  | 'ENOMEM'
  | 'ENFILE'
  | 'ENOSPC'
  | 'ENOENT'
  | 'EEXIST'
  | 'EACCES'
  | 'EXDEV'
  | 'EPIPE'
  | 'EIO'
  | 'EPROTO'
  | 'EPROTONOSUPPORT'
  | 'ENOTSUP'
  | 'EBADF'
  | 'EFAULT'
  | 'ENOTTY'
  | 'EOVERFLOW'
  | 'ENAMETOOLONG';

/** Code → what to do about it. The order is layout (see above): append only. */
const REMEDY = {
  EINVAL: 'an argument is wrong',
  ESTALE: 'the object was closed, unmapped, moved, or belongs to a former life of its slot',
  ENOLCK: 'this needs the reservation lock: the one given is unlocked, or of another reservation',
  EDEADLK:
    'this wait could never end: drop the locks you hold and take the contended one first (lockSlow), or use lockAll',
  EALREADY: 'this context holds that lock already',
  EBUSY: 'attached, pinned, or mapped in an incompatible direction',
  EOWNERDEAD: 'the agent that held the lock, owed the fence, exported the buffer or sent died',
  ECANCELED: 'the work behind this fence was dropped without done()',
  ETIMEDOUT: 'the time-out ran out',
  ENOMEM: 'not enough heap',
  ENFILE: 'a table is full',
  ENOSPC: 'no room: reserve() before add(), or shorten the meta data',
  ENOENT: 'there is no such heap, channel, domain or share',
  EEXIST: 'the name is taken',
  EACCES: 'not allowed: a read-only share, or a refused peer',
  EXDEV: 'the object belongs to another domain',
  EPIPE: 'the channel has ended, or its receivers have died',
  EIO: 'the exporter, or the script that was started, failed: see cause',
  EPROTO: 'not a dmabuf domain, or a damaged message',
  EPROTONOSUPPORT: 'the domain has another version or layout',
  ENOTSUP: 'this platform cannot',
  EBADF: 'the file is closed, or there is none',
  EFAULT: 'the argument cannot be read, or the result cannot be written to it',
  ENOTTY: 'files of this kind have no such command',
  EOVERFLOW: 'the range ends beyond the largest number',
  ENAMETOOLONG: 'the text is longer than the room for it',
} as const satisfies Record<ErrorCode, string>;

/** Codes in layout order. */
export const ERROR_CODES = Object.keys(REMEDY) as readonly ErrorCode[];

/** Shared-memory number of a code; 0 is "no error". */
export function errorNumber(code: ErrorCode): number {
  return ERROR_CODES.indexOf(code) + 1;
}

/** The code of a shared-memory number; null for 0. A number of another version reads as EIO. */
export function errorCode(number: number): ErrorCode | null {
  return number === 0 ? null : (ERROR_CODES[number - 1] ?? 'EIO');
}

/** Which object: plain data, shown in the message. */
export type ErrorDetails = Readonly<Record<string, string | number>>;

/** What a call may say beside its code. */
export interface ErrorMore {
  /** Replaces the table's sentence where the call knows better. */
  readonly why?: string | undefined;
  readonly cause?: unknown;
}

/** Same symbol in every realm and every copy of the package. */
const BRAND = Symbol.for('dmabuf.DmaBufError');

/** `op` of what callbacks refuse, until it is known which call they end. */
const EXPORTER = 'exporter';

let build: (code: ErrorCode, op: string, at: ErrorDetails, more: ErrorMore) => DmaBufError;

/**
 * The one error class. `code` is Linux's, `op` the call that failed, `at` the object.
 * @example try { pool.tryAcquire(); } catch (e) { if (DmaBufError.is(e, 'ESTALE')) console.log(e.op); }
 */
export class DmaBufError extends Error {
  override readonly name = 'DmaBufError' as const;
  readonly code: ErrorCode;
  /** The call that failed, e.g. "Attachment.map". */
  readonly op: string;
  /** Which object: { buffer: 12, name: "frame", holder: "worker-2" … }. Plain data. */
  readonly at: Readonly<Record<string, string | number>>;

  static {
    build = (code, op, at, more) => new DmaBufError(code, op, at, more);
  }

  private constructor(code: ErrorCode, op: string, at: ErrorDetails, more: ErrorMore) {
    super(
      sentence(code, op, at, more.why),
      more.cause === undefined ? undefined : { cause: more.cause },
    );
    this.code = code;
    this.op = op;
    this.at = at;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /**
   * Use this, not instanceof: also right for the `error` of a Worker, across realms and for two copies of the package. What was posted
   * is no DmaBufError any more: the platform keeps its message only.
   */
  static is<C extends ErrorCode = ErrorCode>(
    e: unknown,
    code?: C,
  ): e is DmaBufError & { readonly code: C } {
    if (typeof e !== 'object' || e === null || !(BRAND in e || isCopy(e))) return false;
    return code === undefined || (e as { readonly code?: unknown }).code === code;
  }

  /**
   * For exporters of one's own: what a callback throws when it refuses. Whatever else it throws becomes EIO.
   * @throws EINVAL no such code
   * @example throw DmaBufError.of('EBUSY', 'this device does not reach tiled memory');
   */
  static of(code: ErrorCode, why: string, cause?: unknown): DmaBufError {
    if (!ERROR_CODES.includes(code)) {
      const known = `code must be one of ${ERROR_CODES.join(', ')}`;
      throw build('EINVAL', 'DmaBufError.of', { code: shown(code) }, { why: known });
    }
    return build(code, EXPORTER, {}, { why, cause });
  }
}

/** The platform copies the properties of an error that ended a thread, but not its class. */
function isCopy(e: object): e is Pick<DmaBufError, 'code' | 'op'> & Partial<DmaBufError> {
  const { name, code, op } = e as Partial<DmaBufError>;
  return (
    name === 'DmaBufError' && typeof op === 'string' && ERROR_CODES.includes(code as ErrorCode)
  );
}

function sentence(code: ErrorCode, op: string, at: ErrorDetails, why: string | undefined): string {
  return `${code}: ${op}: ${why ?? REMEDY[code]}${trailer(at)}`;
}

function trailer(at: ErrorDetails): string {
  const details = Object.entries(at).map(([key, value]) => `${key} ${value}`);
  return details.length === 0 ? '' : ` (${details.join(', ')})`;
}

/** What a callback refused by DmaBufError.of, in the name of the call that it ends. */
export function inCall(op: string, error: DmaBufError): DmaBufError {
  if (error.op !== EXPORTER) return error;
  return build(error.code, op, error.at, { why: whyOf(error), cause: error.cause });
}

/** The error to throw. @example throw fail('EINVAL', 'Domain.alloc', { size }, { why: 'size must be > 0' }); */
export function fail(
  code: ErrorCode,
  op: string,
  at: ErrorDetails = {},
  more: ErrorMore = {},
): DmaBufError {
  return build(code, op, at, more);
}

/**
 * An error that ended another thread, as what it was there: the platform copies `code`, `op` and `at`, and forgets the class. Its own
 * copy, with the stack over there, becomes the cause. Anything else is returned as it is.
 */
export function reviveError(copy: unknown): unknown {
  if (!(copy instanceof Error && isCopy(copy))) return copy;
  const { code, op, at } = copy;
  return fail(code, op, typeof at === 'object' ? at : {}, { why: whyOf(copy), cause: copy });
}

/** What stands in shared memory for an error: a number, and a text with all the rest of it. */
export interface PackedError {
  readonly number: number;
  readonly text: string;
}

/** An error for another agent. What is no DmaBufError arrives as the cause of an EIO. */
export function packError(error: DmaBufError): PackedError {
  const { code, op, at, cause } = error;
  const rest = {
    op,
    at,
    why: whyOf(error),
    cause: cause === undefined ? undefined : cause instanceof Error ? String(cause) : shown(cause),
  };
  return { number: errorNumber(code), text: JSON.stringify(rest) };
}

/** That error here. A text that was cut says at least what kind of error it was. */
export function unpackError(op: string, { number, text }: PackedError): DmaBufError {
  const code = errorCode(number) ?? 'EIO';
  try {
    const rest = JSON.parse(text) as Omit<ReturnType<typeof fail>, 'cause'> & {
      readonly why: string;
      readonly cause?: string | number;
    };
    const cause = rest.cause === undefined ? undefined : new Error(String(rest.cause));
    return fail(code, rest.op, rest.at, { why: rest.why, cause });
  } catch {
    return fail(code, op);
  }
}

/** The sentence of an error, without what stands around it. */
export function whyOf({
  code,
  op,
  at,
  message,
}: Pick<DmaBufError, 'code' | 'op' | 'message'> & Partial<DmaBufError>): string {
  const details = typeof at === 'object' ? at : {};
  return message.slice(`${code}: ${op}: `.length, message.length - trailer(details).length);
}

/** An integer in [min, max], or EINVAL that names the argument and shows the value. */
export function checkInteger(
  op: string,
  name: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw fail(
    'EINVAL',
    op,
    { [name]: shown(value) },
    { why: `${name} must be an integer from ${min} to ${max}` },
  );
}

/** Milliseconds >= 0, Infinity when absent, or EINVAL. */
export function checkTimeout(op: string, timeout: unknown, name = 'timeout'): number {
  if (timeout === undefined) return Infinity;
  if (typeof timeout === 'number' && timeout >= 0) return timeout;
  throw fail(
    'EINVAL',
    op,
    { [name]: shown(timeout) },
    { why: `${name} must be milliseconds, >= 0` },
  );
}

/** An object, as options have to be, or EINVAL: null is a mistake, it does not say that something is absent. */
export function checkObject(op: string, name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) return;
  throw fail('EINVAL', op, { [name]: shown(value) }, { why: `${name} must be an object` });
}

/** What a call that may wait was told: its time limit in milliseconds. @throws EINVAL · the signal's reason */
export function checkWait(
  op: string,
  options: { readonly timeout?: unknown; readonly signal?: unknown } | undefined,
): number {
  if (options === undefined) return Infinity;
  checkObject(op, 'options', options);
  const limit = checkTimeout(op, options.timeout);
  if (options.signal === undefined) return limit;
  const signal: Partial<AbortSignal> | null = options.signal;
  if (typeof signal?.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    const why = 'signal must be an AbortSignal';
    throw fail('EINVAL', op, { signal: shown(signal) }, { why });
  }
  if (signal.aborted) throw signal.reason;
  return limit;
}

/** A value as `at` may carry it. */
export function shown(value: unknown): string | number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return value.length > 64 ? `${value.slice(0, 61)}...` : value;
  return Object.prototype.toString.call(value).slice(8, -1).toLowerCase();
}
