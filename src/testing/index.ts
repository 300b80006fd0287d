// SPDX-License-Identifier: MIT
export { type ConformanceCase, exporterConformance } from './conformance.js';
export { ConformanceError } from './conformance-error.js';
export type { ConformanceOptions, ExporterUnderTest, MakeExporter } from './maker.js';
export { RULES, type RuleName } from './rules.js';
