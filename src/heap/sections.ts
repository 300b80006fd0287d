// SPDX-License-Identifier: MIT
/**
 * heap/sections — all tables of this room, in layout order.
 */

import type { Section } from '../mem/index.js';
import { channelSections } from './channel-layout.js';
import { systemHeapSections } from './heap-layout.js';
import { heapNameSections } from './heap-names-layout.js';
import { poolSections } from './pool-layout.js';

export const heapSections: readonly Section[] = [
  ...systemHeapSections,
  ...heapNameSections,
  ...channelSections,
  ...poolSections,
];
