// SPDX-License-Identifier: MIT
/** Runs a program in a process of its own, as a user would. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  /** Exit code; null when it was killed, because it did not end. */
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
}

/** Far more than any of them needs: ends a program that hangs, decides nothing. */
const NET = 60_000;

export async function runCommand(command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { timeout: NET, killSignal: 'SIGKILL', env: { ...process.env, NODE_ENV: '' } },
      (_, stdout, errors) => {
        const lines = stdout.split('\n').filter((line) => line !== '');
        resolve({ code: child.exitCode, lines, errors });
      },
    );
  });
}

export function runProgram(file: URL): Promise<Outcome> {
  return runCommand(process.execPath, [fileURLToPath(file)]);
}
