// SPDX-License-Identifier: MIT
/**
 * Writes docs/linux-names.md: for each kernel function, ioctl or structure that a doc comment of the
 * public API names, where to find it here. A name counts where the comment gives it as `@source` or in
 * parentheses. Names that have no counterpart are listed by hand, below. `--check` writes nothing and fails when the file says
 * something else.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { isMain, projectRoot, report } from './source-tree.mjs';

const OUTPUT = 'docs/linux-names.md';
const HIDDEN = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
const LOWER =
  /\b(?:(?:struct|enum) )?(?:dma|ww|drm|sync|sg)_[a-z_]*[a-z]\b(?:\.[a-z_]+)?|\bget_dma_buf\b/;
const UPPER = /\b(?:DMA|SYNC|SW_SYNC)_[A-Z_]*[A-Z]\b/;
const NAME = new RegExp(`${LOWER.source}|${UPPER.source}`, 'g');

/** What somebody who knows the kernel will look for in vain, and why. */
const NO_COUNTERPART = [
  ['dma_fence_enable_sw_signaling', 'nothing to switch on: signalling wakes whoever waits'],
  ['dma_fence_free', 'fences are values; their records are recycled when nobody names them'],
  ['dma_fence_get', 'fences are values: no reference to take'],
  ['dma_fence_ops', 'no callbacks in the signaller: a `Timeline` is all there is to a fence'],
  ['dma_fence_put', 'fences are values: no reference to give back'],
  ['dma_resv_fini', 'a reservation ends with the last buffer that has it'],
  ['dma_resv_locking_ctx', 'a lock does not tell its context: who took it has the context'],
  ['dma_resv_reset_max_fences', 'room that was reserved is lost at unlock, always'],
];

/** The kernel's names that one doc comment gives as the source of what it describes. */
export function namesIn(comment) {
  const text = comment.replaceAll(/^\s*\*/gm, ' ').replaceAll(/\s+/g, ' ');
  const sources = text.match(/@source [^@]*/g) ?? [];
  const asides = text.match(/\([^()]*(?:\(\)[^()]*)*\)/g) ?? [];
  return [...new Set([...sources, ...asides].flatMap((part) => part.match(NAME) ?? []))];
}

const docOf = (node) =>
  ts
    .getJSDocCommentsAndTags(node)
    .filter((doc) => ts.isJSDoc(doc))
    .map((doc) => doc.getText())
    .join('\n');

function labelOf(owner, member) {
  if (member === undefined) return owner;
  if (ts.isComputedPropertyName(member.name)) return `${owner}${member.name.getText()}`;
  return `${owner}.${member.name.getText()}`;
}

function isPublicMember(member) {
  const named = member.name !== undefined && !ts.isPrivateIdentifier(member.name);
  const internal = ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal');
  return named && !internal && !(ts.getCombinedModifierFlags(member) & HIDDEN);
}

/** A documented declaration and its documented members, as `{ label, node }`. */
function* documented(name, declaration) {
  const isVariable = ts.isVariableDeclaration(declaration);
  yield { label: name, node: isVariable ? declaration.parent.parent : declaration };
  for (const member of declaration.members ?? []) {
    if (isPublicMember(member)) yield { label: labelOf(name, member), node: member };
  }
}

/** @returns `[kernel name, our name, file]` rows for what `entries` export, sorted. */
export function linuxNames(entries, root) {
  const program = ts.createProgram(entries, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    types: [],
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const rows = new Map();
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
    for (const symbol of module ? checker.getExportsOfModule(module) : []) {
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      for (const declaration of real.declarations ?? []) {
        const file = path
          .relative(root, declaration.getSourceFile().fileName)
          .replaceAll('\\', '/');
        for (const { label, node } of documented(symbol.name, declaration)) {
          for (const name of namesIn(docOf(node)))
            rows.set(`${name} ${label}`, [name, label, file]);
        }
      }
    }
  }
  const key = ([name, label]) => `${name.replace(/^(struct|enum) /, '')} ${label}`;
  return [...rows.values()].toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

export function renderTable(rows, missing = NO_COUNTERPART) {
  const lines = rows.map(
    ([name, label, file]) => `| \`${name}\` | \`${label}\` | [${file}](../${file}) |`,
  );
  return [
    '# Linux names',
    '',
    'Where each name of the kernel is found here. Generated from the doc comments of the public API by',
    '`npm run names`; change the comments, not this file.',
    '',
    '| Linux | here | file |',
    '|---|---|---|',
    ...lines,
    '',
    '## No counterpart',
    '',
    '| Linux | why not |',
    '|---|---|',
    ...missing.map(([name, why]) => `| \`${name}\` | ${why} |`),
    '',
  ].join('\n');
}

/** @returns one sentence per name that is said to have no counterpart, and has one. */
export function contradictions(rows, missing = NO_COUNTERPART) {
  return missing
    .filter(([name]) => rows.some(([found]) => found.replace(/^(struct|enum) /, '') === name))
    .map(([name]) => `${name} has a counterpart: take it out of NO_COUNTERPART`);
}

function main() {
  const { fileNames } = ts.parseJsonConfigFileContent(
    { include: ['src/*.ts'] },
    ts.sys,
    projectRoot,
  );
  const entries = fileNames.filter((file) => path.basename(file) !== 'errors.ts');
  const rows = linuxNames(entries, projectRoot);
  const text = renderTable(rows);
  const output = path.join(projectRoot, OUTPUT);
  const problems = contradictions(rows);
  if (!process.argv.includes('--check') && problems.length === 0) {
    writeFileSync(output, text);
    console.log(`${OUTPUT}: ${rows.length} names`);
    return;
  }
  const fresh = existsSync(output) && readFileSync(output, 'utf8') === text;
  if (!fresh) problems.push(`${OUTPUT} is out of date: run npm run names`);
  report(problems, `names: ${rows.length} names`);
}

if (isMain(import.meta.url)) main();
