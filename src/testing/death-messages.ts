// SPDX-License-Identifier: MIT
/**
 * testing/death-messages — what the kit and its other agents say to each other: buffers in two channels, with a tag.
 */

import type { ImporterKind } from './importer.js';

/** From the kit to the agent. An agent that has done its part waits here until it is killed. */
export const ORDERS = 'conformance-orders';
/** From the agent to the kit. */
export const REPORTS = 'conformance-reports';

/** Pattern that an importer paints. Then it holds the mapping and the lock, and reports; `meta` says what went wrong. */
export const IMPORTER_SEED = 7;

/** What an importer is told. */
export type ImporterData = { readonly kind: ImporterKind };

/** What an exporter is told. */
export type ExporterData = { readonly module: string };
