// SPDX-License-Identifier: MIT
/**
 * Entry of the process that runs one case: child.mjs '{"module", "cpus", …}'. Writes its result as
 * one line of JSON and ends; threads that still wait end with it.
 */
import { pin } from './pin.mjs';

const options = JSON.parse(process.argv[2]);
if (options.cpus !== null && !options.whole) pin([options.cpus[0]]);
const { measure } = await import(new URL(`../${options.module}`, import.meta.url));
const result = await measure(options);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
