// SPDX-License-Identifier: MIT
export { Agent } from './agent.js';
export {
  AGENT_NAME_BYTES,
  ControlSection,
  keyKind,
  keyRow,
  type ObjectKind,
  objectKey,
  RowFlag,
  SlotSection,
  SlotState,
  WaitRowSection,
} from './layout.js';
export { ObjectWait } from './object-wait.js';
export type { Abortable, Platform, Timer } from './ports.js';
export { ownerTag, RANK, type Rank, type Reaper, tagSlot } from './reaper.js';
export type { Place, RemoteRow, WaitRows } from './rows.js';
export type { Identity, Slots } from './slots.js';
export type { WaitLimits } from './tasks.js';
export { Interrupt, type Operation, until, type Wait } from './wait.js';
