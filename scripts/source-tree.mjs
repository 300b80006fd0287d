// SPDX-License-Identifier: MIT
/** The TypeScript files of a source tree, and how the checks on them report. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** Every `.ts` file below `root`, as `{ name, text }`; names are relative and use `/`. */
export function readSources(root) {
  return readdirSync(root, { recursive: true })
    .map((entry) => entry.split(path.sep).join('/'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .toSorted()
    .map((name) => ({ name, text: readFileSync(path.join(root, name), 'utf8') }));
}

/** True in the file that Node was started with. */
export function isMain(moduleUrl) {
  return (
    process.argv[1] !== undefined && fileURLToPath(moduleUrl) === path.resolve(process.argv[1])
  );
}

/** Prints the problems and sets the exit code, or prints the one line `fine`. */
export function report(problems, fine) {
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(fine);
}
