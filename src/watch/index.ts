// SPDX-License-Identifier: MIT
export { bufinfo } from './bufinfo.js';
export { describeWait } from './objects.js';
export { type DomainSnapshot, snapshot } from './snapshot.js';
export type { Watched } from './watched.js';
