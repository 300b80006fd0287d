// SPDX-License-Identifier: MIT
/**
 * dmabuf/testing — tools for the tests of those who build on dmabuf: a conformance kit for exporters, and timelines that are moved
 * on by hand.
 * @packageDocumentation
 */

export { SoftwareTimeline } from './sync/index.js';
export {
  type ConformanceCase,
  ConformanceError,
  type ConformanceOptions,
  type ExporterUnderTest,
  exporterConformance,
  type MakeExporter,
  RULES,
  type RuleName,
} from './testing/index.js';
