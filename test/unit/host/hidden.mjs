// SPDX-License-Identifier: MIT
// @ts-check
/**
 * Asks as another user whether tasks are gone: node hidden.mjs SEEN GONE. Exit code 0: the first lives, and is hidden; the second is gone.
 */
import { existsSync } from 'node:fs';
import { isTaskGone } from '../../../dist/host/node-threads.js';

const [seen = 0, gone = 0] = process.argv.slice(2).map(Number);
process.setgroups?.([]);
process.setgid?.(65_534);
process.setuid?.(65_534);
const answers = [existsSync(`/proc/${seen}`), isTaskGone(seen, 1), isTaskGone(gone, 1)];
process.exitCode = answers.join() === 'false,false,true' ? 0 : 1;
if (process.exitCode === 1) process.stderr.write(`hidden, gone, gone: ${answers.join()}\n`);
