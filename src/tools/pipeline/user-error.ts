// SPDX-License-Identifier: MIT
/**
 * user-error — what whoever started the program can put right. Its message is the whole story, one line, and
 * becomes `dmabuf: <message>` on stderr; anything else that is thrown is a fault of the program.
 */
import { getSystemErrorMap } from 'node:util';

export class UserError extends Error {
  override readonly name = 'UserError';
}

/** The system's own words for a failed call ("no such file or directory"), without path and stack. */
export function systemReason(error: unknown): string {
  const errno = error instanceof Error && 'errno' in error ? error.errno : undefined;
  const known = typeof errno === 'number' ? getSystemErrorMap().get(errno) : undefined;
  return known?.[1] ?? messageOf(error);
}

/** One line of any thrown value. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
