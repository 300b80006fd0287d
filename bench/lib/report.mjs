// SPDX-License-Identifier: MIT
/** Rows in words: a table for a terminal or a Markdown file, and the list of what missed. */

/** 0.04 reads better as 1/25. */
export function showRatio(ratio) {
  if (ratio === null) return '-';
  return ratio > 0 && ratio < 0.5 ? `1/${short(1 / ratio)}` : short(ratio);
}

function short(x) {
  return x >= 100 ? String(Math.round(x)) : String(Number(x.toPrecision(3)));
}

export function showTime(ns) {
  if (ns === null) return '-';
  if (ns < 1e3) return `${short(ns)} ns`;
  return ns < 1e6 ? `${short(ns / 1e3)} us` : `${short(ns / 1e6)} ms`;
}

const showSpread = (row) =>
  row.ratio === null
    ? '-'
    : `${showRatio(row.ratio)} [${showRatio(row.min)} - ${showRatio(row.max)}]`;

const showPeers = (peers) =>
  Object.entries(peers)
    .map(([name, ratio]) => `${name} ${showRatio(ratio)}`)
    .join(', ');

const COLUMNS = ['row', 'cores', 'ours', 'reference', 'ours / reference', 'limit', 'ours / others'];

const cells = (row) => [
  row.name,
  row.placement,
  showTime(row.ours),
  `${showTime(row.reference)} (${row.against.length > 1 ? 'best of ' : ''}${row.against.join(', ')})`,
  showSpread(row),
  showRatio(row.limit),
  showPeers(row.peers),
];

/** A Markdown table whose columns line up, so that it can be read in a terminal, too. */
export function table(rows) {
  const lines = [COLUMNS, ...rows.map(cells)];
  const widths = COLUMNS.map((_, k) => Math.max(...lines.map((line) => line[k].length)));
  const draw = (line) => `| ${line.map((cell, k) => cell.padEnd(widths[k])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [draw(lines[0]), rule, ...lines.slice(1).map(draw)].join('\n');
}

/** What did not run, and what ran and missed. */
export function complaints(rows) {
  const at = (row) => `${row.name} (${row.placement === '1' ? 'one core' : 'two cores'})`;
  return rows.flatMap((row) => [
    ...row.errors.map((error) => `FAILED ${at(row)}: ${error}`),
    ...row.missed.map((what) =>
      what === 'ratio'
        ? `MISSED ${at(row)}: ${showRatio(row.ratio)}, limit ${showRatio(row.limit)}`
        : `MISSED ${at(row)}: ${what}`,
    ),
  ]);
}
