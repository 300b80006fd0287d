// SPDX-License-Identifier: MIT
/**
 * A memory ordering is a promise between two places. A module's header names the pair (`P3`), and each
 * side carries `// P3` where it stores or loads. This script fails for a pair with fewer than two sides,
 * and for a side whose pair no header explains.
 */
import path from 'node:path';
import { isMain, projectRoot, readSources, report } from './source-tree.mjs';

const HEADER = /^(?:\/\/[^\n]*\n|\s)*\/\*\*[\s\S]*?\*\//;
const PAIR = /\bP\d+\b/g;
const LINE_COMMENT = /(?:^|\s)\/\/(.*)$/;

/** @returns one sentence per pair that is not one. */
export function checkPairs(root, label = 'src') {
  const named = new Map();
  const sites = new Map();
  const note = (map, id, place) => map.set(id, [...(map.get(id) ?? []), place]);
  for (const { name, text } of readSources(root)) {
    const header = HEADER.exec(text)?.[0] ?? '';
    for (const id of new Set(header.match(PAIR))) note(named, id, `${label}/${name}`);
    const skip = header.split('\n').length - 1;
    for (const [index, line] of text.split('\n').entries()) {
      const comment = index < skip ? undefined : LINE_COMMENT.exec(line)?.[1];
      for (const id of new Set(comment?.match(PAIR))) {
        note(sites, id, `${label}/${name}:${index + 1}`);
      }
    }
  }
  const problems = [];
  for (const [id, places] of named) {
    const found = sites.get(id) ?? [];
    if (found.length >= 2) continue;
    const where = found.length === 0 ? 'nowhere' : `only at ${found[0]}`;
    problems.push(`${places.join(', ')}: pair ${id} is marked ${where}`);
  }
  for (const [id, places] of sites) {
    if (!named.has(id)) problems.push(`${places.join(', ')}: no module header names pair ${id}`);
  }
  return problems.toSorted();
}

if (isMain(import.meta.url)) {
  report(checkPairs(path.join(projectRoot, 'src')), 'pairs: every pair has both sides');
}
