// SPDX-License-Identifier: MIT
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { differences, judge } from '../../../scripts/api-contract.mjs';
import { readShape } from '../../../scripts/api-shape.mjs';
import { makeTree } from './tree.js';

const contract = `
/** A buffer. */
export class Buf implements Disposable {
  #private; private constructor();
  readonly size: number; readonly name: string | null;
  static of(size: number, options?: { readonly a?: number; b: string }): Buf;
  share(x: "r" | "w"): Promise<Buf>;
  [Symbol.dispose](): void;
}
export abstract class Access { protected constructor(); abstract [Symbol.dispose](): void }
export class Map extends Access { private constructor(); [Symbol.dispose](): void }
export const KiB: 1024;
export type Json = string | readonly Json[];
interface Common<P> { readonly priv: P }
export interface Info<P> extends Common<P> { readonly dynamic: boolean }
export class Tagged extends Error { readonly name: "Tagged" }
`;

/** Same promises, as a compiler writes them: getters, other names, other order, a base of its own. */
const built = {
  'dist/index.d.ts': `export { Buf, Access, Map } from './buf.js'; export { KiB, type Info, type Json, Tagged } from './rest.js';`,
  'dist/rest.d.ts': `export type Json =
    | readonly Json[] | string; export declare const KiB = 1024;
    interface Common<P> { readonly priv: P }
    export interface Info<P> extends Common<P> { readonly dynamic: boolean }
    export declare class Tagged extends Error { readonly name = "Tagged"; }`,
  'dist/buf.d.ts': `
export declare class Buf {
  #private;
  static of(bytes: number, { b, a }?: { b: string, readonly a?: number }): import("./buf.js").Buf;
  private constructor();
  get name(): null | string; get size(): number;
  [Symbol.dispose](): void;
  share(mode: 'w' | 'r'): Promise<import('./buf.js').Buf>;
}
export declare abstract class Access { protected constructor(); abstract [Symbol.dispose](): void; }
declare abstract class Closing extends Access { private readonly open; [Symbol.dispose](): void; }
export declare class Map extends Closing { private constructor(); }
`,
};

function compare(edit: (text: string) => string): string[] {
  const text = built['dist/buf.d.ts'];
  const edited = edit(text);
  using tree = makeTree({ ...built, 'dist/buf.d.ts': edited, 'contract.d.ts': contract });
  const shapes = ['dist/index.d.ts', 'contract.d.ts'].map((f) =>
    readShape(path.join(tree.root, f)),
  );
  const [ours, theirs] = shapes;
  return differences(ours, theirs).map((d: { name: string }) => d.name);
}

describe('api contract', () => {
  it('sees no difference where two files promise the same', () => {
    expect(compare((text) => text)).toEqual([]);
  });

  it.each([
    ['a missing member', 'get size(): number;', '', ['Buf.size']],
    ['a member too many', 'get size', 'get more(): 1; get size', ['Buf.more']],
    ['a setter', 'get size(): number;', 'get size(): number; set size(n);', ['Buf.size']],
    ['another type', "'w' | 'r'", "'w'", ['Buf.share']],
    ['a parameter that became required', '{ b, a }?:', '{ b, a }:', ['Buf.of']],
    ['an option that became required', 'readonly a?', 'readonly a', ['Buf.of']],
    [
      'a constructor anybody may call',
      '  private constructor();\n  get',
      '  get',
      ['Buf.constructor'],
    ],
    [
      'an unkept abstract member',
      'private readonly open; [Symbol.dispose](): void;',
      '',
      ['Map.[Symbol.dispose]'],
    ],
    ['another base', 'Map extends Closing', 'Map extends Object', ['Map', 'Map.[Symbol.dispose]']],
    ['a concrete class', 'declare abstract class Access', 'declare class Access', ['Access']],
  ])('sees %s', (_what, from, to, names) => {
    expect(compare((text) => text.replace(from, to))).toEqual(names);
  });

  it('asks for a decision for each difference, and drops those that are gone', () => {
    const found = [{ name: 'Buf.size', contract: 'a', built: 'b' }];
    const entry = { name: 'Buf.size', decision: 'docs/decisions/0002-size.md' };
    expect(judge(found, [entry], () => true)).toEqual([]);
    expect(judge(found, [], () => true)).toHaveLength(1);
    expect(judge([], [entry], () => true)[0]).toContain('does not differ');
    expect(judge(found, [entry], () => false)[0]).toContain(
      'there is no docs/decisions/0002-size.md',
    );
  });
});
