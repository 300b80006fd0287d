// SPDX-License-Identifier: MIT
// @ts-check
/** All that an agent of the kill test may do next, and how often. */
import * as buffers from './buffer-steps.mjs';
import * as fences from './fence-steps.mjs';
import * as frames from './frame-steps.mjs';
import * as locks from './lock-steps.mjs';
import { thread } from './thread-step.mjs';

/** @import {Load} from './load.mjs' */
/** @typedef {(load: Load) => Promise<unknown>} Step */

/** How often the others come for each time that this one does, which costs as much as all of them. */
const OFTEN = 8;

/** @type {readonly Step[]} */
const COMMON = [locks, fences, frames, buffers].flatMap((steps) => Object.values(steps));

/** @type {readonly Step[]} */
export const STEPS = [...Array.from({ length: OFTEN }, () => COMMON).flat(), thread];
