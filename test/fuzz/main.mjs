// SPDX-License-Identifier: MIT
// @ts-check
/**
 * fuzz/main — `npm run fuzz -- [--messages N] [--seed S] [--json]`: sends N packets of random bytes, and bytes that are nearly
 * messages, to a broker and to members, half of them each, and looks whether they keep their heads and close what they were sent.
 *
 * Ends with one line, or with one JSON object: {messages, refused, joined, leakedFds}. Exit code 1 when a descriptor is left, or
 * anything failed; then it says which seed to begin with again.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openDescriptors } from '../../dist/host/linux/descriptors.js';
import { whyNotLinux } from '../../dist/host/linux/library.js';
import { Random } from '../model/engine/walks.mjs';
import { fuzzBroker } from './broker.mjs';
import { fuzzMember } from './member.mjs';

const USAGE = 'usage: fuzz [--messages N] [--seed S] [--json]';
/** Messages to one broker. */
const ROUND = 1000;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

/** @param {string} value */
function positive(value) {
  const n = Number(value);
  if (Number.isSafeInteger(n) && n > 0) return n;
  throw new RangeError(USAGE);
}

const [messages, seed] = [positive(values.messages), positive(values.seed)];
const unable = whyNotLinux();
if (unable !== null) throw new Error(unable);
const directory = mkdtempSync(path.join(tmpdir(), 'dmabuf-fuzz-'));
let begun = 0;
// Connections of members do not keep a process alive, and it is they that we wait for.
setInterval(() => {}, 2 ** 30);
process.on('exit', (code) => {
  rmSync(directory, { recursive: true, force: true });
  if (code !== 0)
    process.stderr.write(`fuzz: failed after ${begun} messages, with --seed ${seed}\n`);
});

let [refused, joined, leakedFds] = [0, 0, 0];
const before = await descriptorsAfterOneRound();
for (; begun < messages && leakedFds === 0; begun += 2 * ROUND) {
  const half = Math.min(ROUND, Math.ceil((messages - begun) / 2));
  const random = new Random(seed + begun);
  refused += (await fuzzBroker(path.join(directory, 'broker'), random, half)).refused;
  const members = await fuzzMember(path.join(directory, 'member'), random, half);
  refused += members.refused;
  joined += members.joined;
  await settled();
  leakedFds = openDescriptors() - before;
}

/** What is loaded at the first use keeps its descriptors. */
async function descriptorsAfterOneRound() {
  await fuzzBroker(path.join(directory, 'broker'), new Random(seed), 10);
  await fuzzMember(path.join(directory, 'member'), new Random(seed), 10);
  await settled();
  return openDescriptors();
}

/** Handles that were closed are gone in the next turns. */
async function settled() {
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
}

if (values.json)
  process.stdout.write(`${JSON.stringify({ messages, refused, joined, leakedFds })}\n`);
else
  process.stdout.write(
    `${messages} messages, ${refused} refused, ${joined} joined, ${leakedFds} descriptors leaked\n`,
  );
process.exit(leakedFds === 0 ? 0 : 1);
