// SPDX-License-Identifier: MIT
/** The main job itself, as its users start it: test pattern, filter bands, encoder. Time per frame. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorLine } from '../lib/error-line.mjs';

const MAIN = fileURLToPath(new URL('../../dist/tools/pipeline/main.js', import.meta.url));

export function measure({ mode, workers, frames, width, height, filter }) {
  const options = [
    ['--mode', mode],
    ['--workers', workers],
    ['--frames', frames],
    ['--size', `${width}x${height}`],
    ['--filter', filter],
  ];
  const job = spawnSync(process.execPath, [MAIN, '--json', ...options.flat().map(String)], {
    encoding: 'utf8',
  });
  if (job.status !== 0) throw new Error(`the main job failed: ${errorLine(job.stderr)}`);
  const result = JSON.parse(job.stdout.trim().split('\n').at(-1));
  return { ns: (result.seconds * 1e9) / result.frames };
}
