// SPDX-License-Identifier: MIT
export { Arena } from './arena.js';
export {
  add,
  and,
  block,
  canWaitAsync,
  cas,
  exchange,
  load,
  load64,
  notify,
  or,
  raise,
  store,
  take64,
  type Words,
  waitAsync,
} from './atomics.js';
export {
  type Field,
  f64,
  i64,
  type Limits,
  type Offsets,
  type RecordLayout,
  record,
  type Section,
  section,
  u32,
  words,
} from './layout.js';
export { RowFinder } from './rows.js';
export { byteLength, readText, textWords, writeText } from './text.js';
