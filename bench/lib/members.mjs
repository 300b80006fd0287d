// SPDX-License-Identifier: MIT
/** How many fences, or counters, are waited for as one. */
export const MEMBERS = 16;
