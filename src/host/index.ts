// SPDX-License-Identifier: MIT
export { debugByDefault, threadName } from './node-env.js';
export { nodePlatform } from './node-platform.js';
export { ownThread } from './node-threads.js';
export {
  type Inheritance,
  inheritance,
  memberNumber,
  memberOf,
  scriptUrl,
  startWorker,
  type WorkerLike,
} from './node-workers.js';
export { blockingSupport, processSupport, type Support, threadSupport } from './support.js';
