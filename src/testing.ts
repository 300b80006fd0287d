// SPDX-License-Identifier: MIT
/**
 * dmabuf/testing — tools for the tests of those who build on dmabuf: a conformance kit for exporters.
 * @packageDocumentation
 */

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
