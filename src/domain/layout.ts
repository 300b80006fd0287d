// SPDX-License-Identifier: MIT
/**
 * domain/layout — what the domain itself stores, and the list of all tables in layout order.
 */

import {
  CallSection,
  ControlSection,
  SlotSection,
  StationSection,
  WaitRowSection,
} from '../agent/index.js';
import { bufferSections } from '../buf/index.js';
import { fenceSections } from '../fence/index.js';
import { heapSections } from '../heap/index.js';
import { record, type Section, section, textWords, words } from '../mem/index.js';
import { reservationSections } from '../resv/index.js';
import { syncSections } from '../sync/index.js';

/** Bytes of a domain's name. */
export const DOMAIN_NAME_BYTES = 60;

export const DomainLayout = record(
  'domain',
  { name: words(textWords(DOMAIN_NAME_BYTES), 'text') },
  16,
);

export const DomainSection = section('domain', DomainLayout, () => 1);

/** Every table of the arena. The order is layout: changing it changes the layout hash. */
export const SECTIONS: readonly Section[] = [
  DomainSection,
  ControlSection,
  SlotSection,
  StationSection,
  WaitRowSection,
  CallSection,
  ...fenceSections,
  ...reservationSections,
  ...bufferSections,
  ...heapSections,
  ...syncSections,
];
