// SPDX-License-Identifier: MIT

/**
 * Where results go that nobody needs. A store into an object that other modules can see cannot be
 * proven dead, so the compiler has to compute what is stored, and to allocate it if it is an object.
 */
export const sink = { number: 0, object: null };
