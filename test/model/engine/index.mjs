// SPDX-License-Identifier: MIT
// @ts-check
export { explore } from './explore.mjs';
export { replay } from './replay.mjs';
export { searchDepthFirst, searchRandomly } from './search.mjs';
