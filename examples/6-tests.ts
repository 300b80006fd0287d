// SPDX-License-Identifier: MIT
// 6. The tests of an exporter of your own: the conformance kit, in any test runner.
import { test } from 'node:test';
import { exporterConformance } from 'dmabuf/testing';
import { makeExporter } from './6-camera.js';

const module = new URL('./6-camera.js', import.meta.url);
for (const { name, run } of exporterConformance(makeExporter, { kind: 'dynamic', module })) {
  void test(name, run);
}
