// SPDX-License-Identifier: MIT
/** A script that lives, and never calls Domain.join(). */
import { parentPort } from 'node:worker_threads';

parentPort.on('message', () => {});
