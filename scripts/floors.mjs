// SPDX-License-Identifier: MIT
/**
 * The building has floors: a room imports only rooms of lower floors, each through its index.js. This
 * script reads every import of src/ and names those that break the rule:
 *  - an import of a room of the same floor or of a higher one, or past a room's index.js;
 *  - node: modules or koffi outside the rooms host and tools; any other package anywhere;
 *  - tools or testing that reach inside: they are programs of the public API, so they import 'dmabuf';
 *  - `Atomics.` outside mem, also in a comment: one room knows how words of memory are shared.
 */
import path from 'node:path';
import ts from 'typescript';
import { isMain, projectRoot, readSources, report } from './source-tree.mjs';

const FLOORS = {
  errors: 0,
  mem: 0,
  agent: 1,
  fence: 2,
  resv: 3,
  buf: 4,
  sync: 5,
  heap: 5,
  host: 5,
  prime: 5,
  syncobj: 5,
  watch: 5,
  domain: 6,
  file: 6,
  testing: 7,
  tools: 7,
  entry: 8,
};
/** The one step allowed inside a floor: whatever fails needs an error. */
const SAME_FLOOR = new Set(['mem errors']);
const PLATFORM_ROOMS = new Set(['host', 'tools']);
/** What is built on the public API, as its users are. */
const GUEST_ROOMS = new Set(['testing', 'tools']);
const PLATFORM = /^(node:|koffi$)/;
const SELF = /^dmabuf(\/|$)/;

/** src/errors.ts is a room of one file; every other file directly in src/ is an entry point. */
function roomOf(name) {
  if (name === 'errors.ts' || name === 'errors.js') return 'errors';
  return name.includes('/') ? name.slice(0, name.indexOf('/')) : 'entry';
}

/** The literal of `import(…)`, `import type … = import(…)`, or `new URL('./x.js', import.meta.url)`. */
function dynamicSpecifier(node) {
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
    return node.argument.literal;
  const called = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const located =
    ts.isNewExpression(node) &&
    node.expression.getText() === 'URL' &&
    node.arguments?.[1]?.getText() === 'import.meta.url';
  const first = called || located ? node.arguments[0] : undefined;
  return first && ts.isStringLiteralLike(first) ? first : undefined;
}

/** Every module that a file names, with the line it is named on. */
function importsOf(name, text) {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found = [];
  const visit = (node) => {
    const declared = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    const literal = declared ? node.moduleSpecifier : dynamicSpecifier(node);
    if (literal) {
      const { line } = file.getLineAndCharacterOfPosition(literal.getStart());
      found.push({ specifier: literal.text, line: line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function packageProblem(room, specifier) {
  if (PLATFORM.test(specifier)) {
    return PLATFORM_ROOMS.has(room) ? null : `${specifier}: only host and tools know the platform`;
  }
  if (SELF.test(specifier)) {
    if (GUEST_ROOMS.has(room)) return null;
    return `${specifier}: only testing and tools import the package by its name`;
  }
  return `${specifier}: the library has no dependencies`;
}

function roomProblem(room, target, specifier) {
  const to = roomOf(target);
  if (to === room) return null;
  if (GUEST_ROOMS.has(room)) {
    return `${specifier}: ${room} imports what the package exports, from 'dmabuf'`;
  }
  if (!(to in FLOORS)) return `${specifier}: no such room`;
  if (!(FLOORS[to] < FLOORS[room] || SAME_FLOOR.has(`${room} ${to}`))) {
    return `${specifier}: ${room} is on floor ${FLOORS[room]}, ${to} on floor ${FLOORS[to]}`;
  }
  if (to !== 'errors' && target !== `${to}/index.js`) {
    return `${specifier}: enter ${to} through ${to}/index.js`;
  }
  return null;
}

function importProblem(name, room, specifier) {
  if (!specifier.startsWith('.')) return packageProblem(room, specifier);
  const target = path.posix.join(path.posix.dirname(name), specifier);
  return target.startsWith('../')
    ? `${specifier}: leaves the source tree`
    : roomProblem(room, target, specifier);
}

/** @returns one sentence per broken rule, each beginning with file and line. */
export function checkFloors(root, label = 'src') {
  const problems = [];
  for (const { name, text } of readSources(root)) {
    const room = roomOf(name);
    if (!(room in FLOORS)) {
      problems.push(`${label}/${name}:1: ${room} is on no floor`);
      continue;
    }
    for (const { specifier, line } of importsOf(name, text)) {
      const problem = importProblem(name, room, specifier);
      if (problem !== null) problems.push(`${label}/${name}:${line}: ${problem}`);
    }
    if (room === 'mem') continue;
    for (const [index, line] of text.split('\n').entries()) {
      if (/\bAtomics\./.test(line))
        problems.push(`${label}/${name}:${index + 1}: Atomics: only mem`);
    }
  }
  return problems;
}

if (isMain(import.meta.url)) {
  report(checkFloors(path.join(projectRoot, 'src')), 'floors: every import goes down');
}
