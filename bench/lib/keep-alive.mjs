// SPDX-License-Identifier: MIT

/** A pending Atomics.waitAsync does not keep the event loop alive; this does. */
export const keepAlive = () => setInterval(() => {}, 2 ** 30);
