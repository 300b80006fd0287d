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
import { f64, record, type Section, section, textWords, u32, words } from '../mem/index.js';
import { reservationSections } from '../resv/index.js';
import { syncSections } from '../sync/index.js';

/** Bytes of a domain's name. */
export const DOMAIN_NAME_BYTES = 60;
/** Users who may join, besides the creator's own. */
export const MOST_USERS = 16;

export const DomainLayout = record(
  'domain',
  {
    name: words(textWords(DOMAIN_NAME_BYTES), 'text'),
    clock: f64('milliseconds since the epoch at which the monotonic clock of the system was 0'),
    fresh: u32(
      '1 = the directory of the broker’s socket was made for this domain, and ends with it',
    ),
    users: u32('how many there are in `user`'),
    user: words(MOST_USERS, 'ids of users who may join, besides the creator’s own'),
  },
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
