// SPDX-License-Identifier: MIT
/** The conformance kit for exporters: right ones pass, and each wrong one fails with the name of the rule that it breaks. */
import { Domain } from 'dmabuf';
import {
  ConformanceError,
  type ConformanceOptions,
  exporterConformance,
  type MakeExporter,
  RULES,
  type RuleName,
} from 'dmabuf/testing';
import { describe, expect, test } from 'vitest';
import { HOST } from './support/host.js';
import {
  cachingExporter,
  dynamicExporter,
  frozenExporter,
  lazyMover,
  pickyExporter,
  scatteredExporter,
  slowExporter,
  staticExporter,
  viewingExporter,
  viewingMover,
} from './support/right-exporters.js';
import { wrongDynamic } from './support/wrong-dynamic-exporters.js';
import { PATIENCE } from './support/wrong-exporter.js';
import { wrongStatic } from './support/wrong-static-exporters.js';
import { makeExporter as rightElsewhere } from './workers/right-exporter.mjs';

const here = (script: string): URL => new URL(`./workers/${script}`, import.meta.url);

/** The rules that an exporter is told to have broken, by these cases or by all. */
async function broken(
  make: MakeExporter,
  { rules, timeout = 2_000 }: { rules: (rule: RuleName) => boolean; timeout?: number },
): Promise<RuleName[]> {
  const found = new Set<RuleName>();
  for (const { rule, run } of exporterConformance(make, { timeout })) {
    if (!rules(rule)) continue;
    const error: unknown = await run().then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null) continue;
    if (!(error instanceof ConformanceError)) throw error;
    expect(error.message).toContain(`${error.rule}: `);
    expect(error.message).toContain(RULES[error.rule]);
    found.add(error.rule);
  }
  return [...found].toSorted();
}

const wrongExporters = [...wrongStatic, ...wrongDynamic];
const DEATH: readonly RuleName[] = ['importer-death', 'exporter-death'];

describe('an exporter that does what it must passes every case', () => {
  const RIGHT: Readonly<Record<string, readonly ['static' | 'dynamic', MakeExporter]>> = {
    'the system heap': ['static', (domain) => ({ buf: domain.alloc(9000) })],
    'a static one': ['static', (domain) => staticExporter(domain)],
    'one in three places': ['static', scatteredExporter],
    'one of a class, and frozen': ['static', frozenExporter],
    'one that takes its time': ['static', slowExporter],
    'one that keeps its mappings': ['static', cachingExporter],
    'one that refuses some devices': ['static', pickyExporter],
    'a dynamic one': ['dynamic', (domain) => dynamicExporter(domain)],
    'one that moves behind a fence': ['dynamic', lazyMover],
    'one with a mapping for the CPU': ['static', viewingExporter],
    'a dynamic one with a mapping for the CPU': ['dynamic', viewingMover],
  };
  for (const [name, [kind, make]] of Object.entries(RIGHT)) {
    describe(name, () => {
      for (const { name: title, run } of exporterConformance(make, { kind, host: HOST }))
        test(title, run);
    });
  }
});

describe('the death of an exporter', () => {
  const inModule = async (
    script: string,
    make: MakeExporter,
    more: ConformanceOptions = {},
  ): Promise<void> => {
    const cases = exporterConformance(make, { ...more, host: HOST, module: here(script) });
    const [death, ...others] = cases.filter(({ rule }) => rule === 'exporter-death');
    expect(others).toEqual([]);
    await death?.run();
  };

  test(`a right one in a ${HOST} of its own passes`, () =>
    inModule('right-exporter.mjs', rightElsewhere));

  test('buffers of the system heap survive their maker', () =>
    inModule('heap-exporter.mjs', (domain) => ({ buf: domain.alloc(9000) })));

  test('one that hoards memory in a channel leaves it behind', async () => {
    const dying = inModule('hoarding-exporter.mjs', rightElsewhere, { timeout: PATIENCE });
    await expect(dying).rejects.toMatchObject({ rule: 'exporter-death' });
    await expect(dying).rejects.toThrow(/^exporter-death: the exporter died, and 4096 bytes/);
  });

  test('a module that is no exporter fails the maker, and says so', async () => {
    const dying = inModule('never-joins.mjs', rightElsewhere);
    await expect(dying).rejects.toThrow(/^made-here: makeExporter failed/);
  });
});

// What the kit says to whom is the same on every host.
if (HOST === 'thread') {
  describe('an exporter that breaks a rule is told which', () => {
    for (const { rule, how, make, also, slow } of wrongExporters) {
      test(`${rule}: it ${how}`, async () => {
        const timeout = slow ? { timeout: PATIENCE } : {};
        const rules = (of: RuleName): boolean => of === rule || !(slow || DEATH.includes(of));
        expect(await broken(make, { rules, ...timeout })).toEqual([rule, ...also].toSorted());
      });
    }

    test('there is a wrong exporter for every rule', () => {
      const met = new Set(wrongExporters.map(({ rule }) => rule));
      const unmet = Object.keys(RULES).filter((rule) => !met.has(rule as RuleName));
      expect(unmet).toEqual(['exporter-death']); // needs a module, see above
    });
  });

  describe('exporterConformance', () => {
    const heap: MakeExporter = (domain) => ({ buf: domain.alloc(9000) });

    test('gives each case a name of its own, which begins with its rule', () => {
      const cases = exporterConformance(heap, { module: here('heap-exporter.mjs') });
      expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
      for (const { name, rule } of cases) expect(name.startsWith(`${rule}: `)).toBe(true);
      expect(new Set(cases.map(({ rule }) => rule))).toEqual(new Set(Object.keys(RULES)));
    });

    test('leaves out what does not apply to the kind that it was told', () => {
      const rules = (kind?: 'static' | 'dynamic') =>
        exporterConformance(heap, kind === undefined ? {} : { kind }).map(({ rule }) => rule);
      const moving = rules('dynamic').filter((rule) => !rules('static').includes(rule));
      expect(new Set(moving)).toEqual(
        new Set(Object.keys(RULES).filter((rule) => /^(move|pin)/.test(rule))),
      );
      expect(rules()).toEqual(rules('dynamic'));
    });

    test('says so when the exporter is not of the kind that it was told', async () => {
      const [first] = exporterConformance(heap, { kind: 'dynamic' });
      await expect(first?.run()).rejects.toMatchObject({ rule: 'made-here' });
    });

    test('says so when the buffer is of another domain', async () => {
      await using other = await Domain.create();
      using buf = other.alloc(9000);
      using filler = other.alloc(1);
      const [first] = exporterConformance(() => ({ buf }));
      await expect(first?.run()).rejects.toThrow(/^made-here: .*not in the domain/);
      expect(filler.closed).toBe(false);
    });

    test('says what is wrong with a buffer in which nothing can be seen', async () => {
      const told = async (make: MakeExporter, what: RegExp): Promise<void> => {
        const [first] = exporterConformance(make, { timeout: PATIENCE });
        await expect(first?.run()).rejects.toThrow(what);
      };
      const ops = { map: () => [], unmap() {}, release() {} };
      const empty = { exporter: 'empty', size: 0, priv: null, ops };
      const closed: MakeExporter = (domain) => {
        const buf = domain.alloc(1);
        buf.close();
        return { buf };
      };
      await told((domain) => ({ buf: domain.export(empty) }), /^made-here: the buffer is empty/);
      await told(closed, /^made-here: the buffer is closed/);
      await told(() => new Promise<never>(() => {}), /^made-here: makeExporter took longer than/);
    });

    test('cases run side by side as well as one after the other', async () => {
      const cases = exporterConformance((domain) => staticExporter(domain), { kind: 'static' });
      const alone = cases.filter(({ rule }) => !DEATH.includes(rule));
      await Promise.all(alone.map(({ run }) => run()));
    });
  });
}
