// SPDX-License-Identifier: MIT

/** What a process that ended badly said was wrong: the line of its uncaught error, or its last one. */
export function errorLine(stderr) {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /^\S*Error\b.*: /.test(line)) ?? lines.at(-1);
}
