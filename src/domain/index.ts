// SPDX-License-Identifier: MIT
export { allocSealed } from './alloc-sealed.js';
export { Domain } from './domain.js';
export type { DomainHandle } from './entry.js';
export type { DomainEventMap } from './events.js';
export type { DomainOptions } from './options.js';
export { GiB, KiB, MiB } from './units.js';
