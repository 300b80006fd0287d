// SPDX-License-Identifier: MIT
/** Vitest reporter: the totals of the run on a line of their own, the last one written. */
export default class LineReporter {
  onTestRunEnd(modules, errors) {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      // A file that does not load, or a suite whose hook throws, has no failed test to show for it.
      const suites = [...module.children.allSuites()];
      count.failed += module.errors().length;
      for (const suite of suites) count.failed += suite.errors().length;
    }
    const skipped = count.skipped + count.pending;
    const line = `${count.passed} passed, ${count.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    process.once('exit', () => process.stdout.write(`${line}\n`));
  }
}
