// SPDX-License-Identifier: MIT
// 7. The tests of that heap's exporter: the conformance kit.
import { test } from 'node:test';
import { exporterConformance } from 'dmabuf/testing';
import { makeExporter } from './7-heap.js';

const module = new URL('./7-heap.js', import.meta.url);
for (const { name, run } of exporterConformance(makeExporter, { kind: 'static', module })) {
  void test(name, run);
}
