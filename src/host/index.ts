// SPDX-License-Identifier: MIT

export { BrokerClient } from './broker/client.js';
export { ownerOf } from './broker/identity.js';
export { Place } from './broker/place.js';
export { type BrokerPorts, BrokerServer, type Seed } from './broker/server.js';
export { Succession } from './broker/succession.js';
export { Doorbells, newBell, type Station } from './doorbells.js';
export { closeAll as closeDescriptors } from './linux/descriptors.js';
export { insist } from './linux/library.js';
export { isShared } from './linux/mapped-memory.js';
export { debugByDefault, isMain, threadName } from './node-env.js';
export { nodePlatform, ownClock, pause } from './node-platform.js';
export {
  type ProcessHeritage,
  processHeritage,
  processNumber,
  startProcess,
} from './node-processes.js';
export { isTaskGone, ownProcess, ownProcessStart, ownThread } from './node-threads.js';
export {
  type Inheritance,
  inheritance,
  memberNumber,
  memberOf,
  scriptUrl,
  startWorker,
  type WorkerLike,
} from './node-workers.js';
export { type Keeper, keeperBySocket, SealedFiles } from './sealed-files.js';
export {
  asHeap,
  closeMemory,
  makeMemory,
  mapMemory,
  type SizedFile,
  type StationMemory,
} from './station-memory.js';
export { blockingSupport, processSupport, type Support, threadSupport } from './support.js';
