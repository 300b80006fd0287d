// SPDX-License-Identifier: MIT
/**
 * Compares what the built package exports with etc/dmabuf.contract.d.ts, the interface as it was
 * designed. Each difference must be listed in etc/api-differences.json as `{ "name", "decision" }`, where
 * the decision is the record in docs/decisions/ that explains it. An unlisted difference fails, and so
 * does a listed one that is gone.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readShape } from './api-shape.mjs';
import { isMain, projectRoot, report } from './source-tree.mjs';

/** A member where it is declared, or where it is inherited from. */
function findMember(shapes, shape, name) {
  const own = shape.members.get(name);
  if (own !== undefined) return own.text;
  for (const base of shape.bases) {
    const of = shapes.get(base.replace(/<.*/, ''));
    const inherited = of && findMember(shapes, of, name);
    if (inherited) return inherited;
  }
  return undefined;
}

/** An abstract promise kept by a base class is kept. */
const same = (a, b) => a?.replace('abstract ', '') === b?.replace('abstract ', '');

function compareMembers(name, ours, contract) {
  const [mine, theirs] = [ours.get(name), contract.get(name)];
  const found = [];
  for (const member of new Set([...theirs.members.keys(), ...mine.members.keys()])) {
    const [is, said] = [findMember(ours, mine, member), findMember(contract, theirs, member)];
    const own = mine.members.get(member)?.text;
    const exact = own !== undefined && own === theirs.members.get(member)?.text;
    if (exact || (same(is, said) && !(own === undefined && is?.includes('abstract ')))) continue;
    const label = member.replace('static ', '');
    found.push({ name: `${name}.${label}`, contract: said ?? '(none)', built: is ?? '(none)' });
  }
  return found;
}

/** @returns what differs between two maps of readShape(), as `{ name, contract, built }`. */
export function differences(ours, contract) {
  const found = [];
  for (const name of new Set([...contract.keys(), ...ours.keys()])) {
    const [mine, theirs] = [ours.get(name), contract.get(name)];
    if (mine === undefined || theirs === undefined) {
      found.push({ name, contract: theirs?.text ?? '(none)', built: mine?.text ?? '(none)' });
      continue;
    }
    const line = (shape) => [shape.text, ...shape.bases.toSorted()].join(' extends ');
    if (line(mine) !== line(theirs)) {
      found.push({ name, contract: line(theirs), built: line(mine) });
    }
    found.push(...compareMembers(name, ours, contract));
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** @returns one text per difference that no decision explains, and per explanation without use. */
export function judge(found, listed, decisionExists) {
  const explained = new Set(listed.map((entry) => entry.name));
  const present = new Set(found.map((difference) => difference.name));
  const unexplained = found
    .filter((difference) => !explained.has(difference.name))
    .map(
      (d) =>
        `${d.name} differs from the contract\n  contract: ${d.contract}\n  built:    ${d.built}`,
    );
  const idle = listed
    .filter((entry) => !present.has(entry.name))
    .map((entry) => `${entry.name} is listed in etc/api-differences.json, but does not differ`);
  const unrecorded = listed
    .filter((entry) => !decisionExists(entry.decision))
    .map((entry) => `${entry.name}: there is no ${entry.decision}`);
  return [...unexplained, ...idle, ...unrecorded];
}

function main() {
  const at = (name) => path.join(projectRoot, name);
  const listed = JSON.parse(readFileSync(at('etc/api-differences.json'), 'utf8'));
  const contract = readShape(at('etc/dmabuf.contract.d.ts'));
  const found = differences(readShape(at('dist/index.d.ts')), contract);
  const isRecord = (file) => /^docs\/decisions\/\d{4}-.+\.md$/.test(file) && existsSync(at(file));
  const problems = judge(found, listed, isRecord);
  report(
    problems,
    `api: ${contract.size} names as designed, ${found.length} explained differences`,
  );
}

if (isMain(import.meta.url)) main();
