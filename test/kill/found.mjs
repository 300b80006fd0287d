// SPDX-License-Identifier: MIT
// @ts-check
/** Makes a domain at the path that it is told, and says so. It is the first broker, has nothing to do with the load, and is killed. */
import { Domain } from 'dmabuf';
import { LIMITED } from './domain-options.mjs';
import { onSaid, say } from './wire.mjs';

const [path = ''] = process.argv.slice(2);
onSaid(() => undefined);
await Domain.create({ ...LIMITED, processes: path });
say({ word: 'founded' });
