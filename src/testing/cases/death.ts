// SPDX-License-Identifier: MIT
/**
 * testing/cases/death — a thread, or a process, ends in the middle of it all: an importer with the memory mapped and the lock held, an
 * exporter with importers.
 */

import { type Delivery, DmaBufError, type Domain, type Member } from 'dmabuf';
import { messageOf } from '../conformance-error.js';
import {
  type ExporterData,
  IMPORTER_SEED,
  type ImporterData,
  ORDERS,
  REPORTS,
} from '../death-messages.js';
import { failureOf } from '../failure-of.js';
import {
  attach,
  cpuPaints,
  cpuShows,
  expectPattern,
  IMPORTERS,
  type ImporterKind,
  visit,
} from '../importer.js';
import type { ExporterUnderTest } from '../maker.js';
import { paint } from '../segments.js';
import { limitOf, Trial } from '../trial.js';
import { type Case, oneTrial, type Subject } from './case.js';

const NOTHING = { bytes: 0, references: 0 };
/** Milliseconds that a new agent has for its part, however little its callbacks may take. */
const PATIENCE = 10_000;

/** What an agent says when it has done its part. @throws it ended, and why */
async function report(domain: Domain, member: Member): Promise<Delivery> {
  using reports = domain.channel(REPORTS);
  const listening = new AbortController();
  const { signal } = listening;
  void member.gone.then(({ reason }) => {
    listening.abort(new Error(`the ${member.as} "${member.name}" ended: ${reason}`));
  });
  return await reports.receive({ signal, timeout: PATIENCE });
}

/** An agent maps the buffer, writes to it, takes the lock, and is killed. */
async function importAndDie(trial: Trial, kind: ImporterKind): Promise<void> {
  const { domain, buf, host: as } = trial;
  using orders = domain.channel(ORDERS);
  const data: ImporterData = { kind };
  const script = new URL('../importer-worker.js', import.meta.url);
  const member = await domain.spawn(script, { as, name: 'mortal', data });
  try {
    await orders.send(buf);
    using said = await report(domain, member);
    if (said.meta !== null) throw trial.fail(`in another ${as}: ${JSON.stringify(said.meta)}`);
  } finally {
    await member.kill();
  }
}

async function importerDeath(trial: Trial, kind: ImporterKind): Promise<void> {
  for (const each of IMPORTERS) await visit(trial, each, 1);
  const before = await trial.footprint();
  await importAndDie(trial, kind);
  // Whoever comes next is not told by the lock: attaching is no business of the dead.
  const next = await attach(trial, 'static');
  await next.detach();
  {
    using lock = await trial.resv.lock({ ...trial.wait, recover: true });
    lock.markConsistent();
  }
  await cpuShows(trial, IMPORTER_SEED, 'after the death of an importer');
  for (const each of IMPORTERS) await visit(trial, each, 2);
  const more = await trial.settlesTo(before);
  if (more !== null) throw trial.fail(`an importer died, and ${more} more are in use`);
}

// --------------------------------------------------------------------------------------------- the exporter

/** The same exporter in a thread or a process of its own. */
async function makeElsewhere(
  domain: Domain,
  module: URL | string,
  as: Trial['host'],
): Promise<{ readonly made: ExporterUnderTest; readonly member: Member }> {
  const data: ExporterData = { module: String(module) };
  const script = new URL('../exporter-worker.js', import.meta.url);
  const member = await domain.spawn(script, { as, name: 'exporter', data });
  using said = await report(domain, member);
  return { made: { buf: said.buf.dup(), move() {} }, member };
}

async function exporterDeath({ options }: Subject): Promise<void> {
  const { module = '', host = 'thread' } = options;
  let exporter: Member | undefined;
  const make = async (domain: Domain): Promise<ExporterUnderTest> => {
    const { made, member } = await makeElsewhere(domain, module, host);
    exporter = member;
    return made;
  };
  await Trial.run('exporter-death', make, { ...options, timeout: PATIENCE }, async (trial) => {
    const importer = await attach(trial, 'static');
    const view = await importer.map('bidirectional');
    paint(view.segments, 1);
    await exporter?.kill();
    expectPattern(trial, view.segments, 1, 'mapped when the exporter died');
    await isTold(trial, 'attach', visit(trial, 'static', 2));
    await isTold(trial, 'CPU access', cpuPaints(trial, 2));
    await view.unmap();
    await isTold(trial, 'detach', importer.detach());
    trial.buf.close();
    const more = await trial.settlesTo(NOTHING, { timeout: 2 * limitOf(options) });
    if (more !== null) throw trial.fail(`the exporter died, and ${more} are left`);
  });
}

/** EOWNERDEAD; or success: buffers of a heap do not need their maker. */
async function isTold(trial: Trial, what: string, work: Promise<void>): Promise<void> {
  const error = await failureOf(work);
  if (error === null || DmaBufError.is(error, 'EOWNERDEAD')) return;
  throw trial.fail(`the exporter died, and ${what} failed with "${messageOf(error)}"`, error);
}

export const deathCases: readonly Case[] = [
  ...IMPORTERS.map((kind) =>
    oneTrial('importer-death', (trial) => importerDeath(trial, kind), `${kind} importer`),
  ),
  { rule: 'exporter-death', variant: null, about: 'module', run: exporterDeath },
];
