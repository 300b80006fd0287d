// SPDX-License-Identifier: MIT
/** A script that lives, and never calls Domain.join(). */
import { port } from './port.mjs';

port.on('message', () => {});
