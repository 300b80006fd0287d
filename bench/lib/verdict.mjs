// SPDX-License-Identifier: MIT
/** From the rounds of a run to the row that is reported. */
import { median } from './stats.mjs';

const rounded = (x) => Number(x.toPrecision(4));
const medianOf = (xs) => (xs.length === 0 ? null : rounded(median(xs)));

/** The figure of a case in each round; the rounds where a case failed are left out of every ratio. */
function times(rounds, names) {
  return rounds.map((round) => {
    const found = names.map((name) => round[name]?.ns).filter((ns) => ns !== undefined);
    return found.length === names.length ? Math.min(...found) : null;
  });
}

/** Ratios a / b, formed inside each round. */
function ratios(a, b) {
  return a.flatMap((x, round) => {
    const y = b[round];
    return x === null || y === null ? [] : [x / y];
  });
}

/** Facts that break their limit, in words. The worst round counts. */
function broken(require, results) {
  return Object.entries(require).flatMap(([fact, { atLeast, atMost }]) => {
    const values = results.map((result) => result[fact]).filter((value) => value !== undefined);
    if (values.length === 0) return [];
    const least = rounded(Math.min(...values));
    const most = rounded(Math.max(...values));
    if (atLeast !== undefined && least < atLeast) return [`${fact} ${least} < ${atLeast}`];
    if (atMost !== undefined && most > atMost) return [`${fact} ${most} > ${atMost}`];
    return [];
  });
}

function peersOf(row, rounds, ours) {
  const named = new Set(rounds.flatMap((round) => Object.keys(round)));
  const peers = [...named].filter((name) => name !== 'ours' && !row.against.includes(name));
  return Object.fromEntries(
    peers.map((peer) => [peer, medianOf(ratios(ours, times(rounds, [peer])))]),
  );
}

/** null: reported, not judged. */
function limitOf({ limit }, placement) {
  return limit === null || typeof limit === 'number' ? limit : limit[placement];
}

/**
 * @param row  of rows.mjs
 * @param run  of runExperiments()
 * @returns    times in nanoseconds, medians over the rounds; null where a case did not run
 */
export function verdict(row, { placement, rounds }) {
  const ours = times(rounds, ['ours']);
  const reference = times(rounds, row.against);
  const inRounds = ratios(ours, reference);
  const ratio = medianOf(inRounds);
  const limit = limitOf(row, placement);
  const missed = broken(row.require ?? {}, rounds.map((round) => round.ours).filter(Boolean));
  if (ratio !== null && limit !== null && ratio > limit) missed.unshift('ratio');
  const errors = rounds.flatMap((round) =>
    Object.entries(round).flatMap(([name, { error }]) => (error ? [`${name}: ${error}`] : [])),
  );
  return {
    name: row.name,
    placement,
    ours: medianOf(ours.filter((ns) => ns !== null)),
    reference: medianOf(reference.filter((ns) => ns !== null)),
    ratio,
    limit: limit === null ? null : rounded(limit),
    peers: peersOf(row, rounds, ours),
    against: row.against,
    min: inRounds.length === 0 ? null : rounded(Math.min(...inRounds)),
    max: inRounds.length === 0 ? null : rounded(Math.max(...inRounds)),
    rounds: inRounds.length,
    missed,
    errors: [...new Set(errors)],
  };
}
