// SPDX-License-Identifier: MIT
export { Agent } from './agent.js';
export { AGENT_WORDS, anyBit, clearBit, hasBit, setBit } from './agent-bits.js';
export type { Asked } from './asked.js';
export type { Answer, Incoming, Request } from './call.js';
export { Message } from './call-rows.js';
export { Calls } from './calls.js';
export {
  CallSection,
  ControlSection,
  keyKind,
  keyRow,
  type ObjectKind,
  objectKey,
  RowFlag,
  SlotSection,
  SlotState,
  STATIONS,
  StationSection,
  WaitRowSection,
} from './layout.js';
export { ObjectWait } from './object-wait.js';
export type { Abortable, Platform, Processes, Timer } from './ports.js';
export { ownerTag, type Rank, type Reaper, tagSlot } from './reaper.js';
export type { Place, RemoteRow, WaitRows } from './rows.js';
export type { Identity, Slots } from './slots.js';
export { type StationName, Stations } from './stations.js';
export type { WaitLimits } from './tasks.js';
export { Interrupt, type Operation, until, type Wait } from './wait.js';
