// SPDX-License-Identifier: MIT
/** Processes that end, and processes that only seem to. */
import type { ChildProcess, ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Station } from '../../../../src/host/broker/messages.js';
import { Place } from '../../../../src/host/broker/place.js';
import { taskStat } from '../../../../src/host/linux/task-stat.js';
import { Guest, kill, type Rig, rigs, serve, start, turn, until } from './rig.js';

const rig = rigs();
const NOBODY = 65_534;

interface Member {
  readonly child: ChildProcess;
  readonly first: { readonly joined?: Station; readonly code?: string };
}

/** A process that wants to join. */
async function member(at: Rig, path = at.path, options: ForkOptions = {}): Promise<Member> {
  return (await start(at, 'member.mjs', [path], options)) as Member;
}

describe('a process that is killed', () => {
  it('is gone, once, and the others are told', async () => {
    const host = serve(rig());
    const guest = await Guest.join(rig());
    const { child, first } = await member(rig());
    expect(host.joined.at(-1)?.station).toEqual(first.joined);
    await kill(child);
    await until(() => guest.left.length > 0);
    await turn();
    expect([host.gone, guest.left]).toEqual([[first.joined], [first.joined]]);
    expect(host.server.peers).toBe(1);
  });

  it('while it is stopped is gone, and not before', async () => {
    const host = serve(rig());
    const { child } = await member(rig());
    child.kill('SIGSTOP');
    await until(() => host.server.peers === 1);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(host.gone).toEqual([]);
    await kill(child);
    await until(() => host.gone.length === 1);
  });
});

describe('a process that closes its connection', () => {
  it('without a word keeps its station until it ends', async () => {
    const host = serve(rig());
    const guest = await Guest.join(rig());
    const { child, first } = await member(rig());
    child.send('close');
    await once(child, 'message');
    await until(() => host.server.peers === 1);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect([host.gone, guest.left]).toEqual([[], []]);
    await kill(child);
    await until(() => guest.left.length === 1);
    expect(host.gone).toEqual([first.joined]);
  });

  it('after saying goodbye is gone while it lives, and only once', async () => {
    const host = serve(rig());
    const { child, first } = await member(rig());
    child.send('bye');
    await until(() => host.gone.length === 1);
    await kill(child);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(host.gone).toEqual([first.joined]);
  });
});

it('members of a dead broker that have ended meanwhile are gone, those that live are not', async () => {
  const first = serve(rig());
  const [live, dead] = [await member(rig()), await member(rig())];
  const seeds = [live, dead].map(({ child: { pid = 0 } }, n) => {
    const { station, descriptor } = first.joined[n] ?? first.bell;
    return { station, descriptor, pid, startTime: taskStat(`/proc/${pid}`).started };
  });
  await kill(dead.child);
  first.server.close();
  const place = Place.of(rig().path, {
    others: false,
    fresh: false,
    owner: process.geteuid?.() ?? -1,
  });
  const second = serve(rig(), { listener: place.succeed() });
  second.server.seed(seeds);
  await until(() => second.gone.length === 1);
  expect(second.gone).toEqual([dead.first.joined]);
  // It never came here: what the arena says of it is enough.
  await kill(live.child);
  await until(() => second.gone.length === 2);
  expect(second.gone[1]).toEqual(live.first.joined);
});

describe.runIf(process.geteuid?.() === 0)('a process of another user', () => {
  const as = { uid: NOBODY, gid: NOBODY };

  it('does not reach a place that is for this user alone', async () => {
    const place = Place.at(true, { others: false });
    serve(rig(), { listener: place.open() });
    rig().later(() => place.close());
    const { first } = await member(rig(), place.path, as);
    const message = expect.stringMatching(/^EACCES: Domain\.join: .*users/);
    expect(first).toEqual({ code: 'EACCES', message });
  });

  it('is refused where it reaches the place and was not named', async () => {
    const place = Place.at(true, { others: true });
    const host = serve(rig(), { listener: place.open() });
    rig().later(() => place.close());
    const { first } = await member(rig(), place.path, as);
    const message = expect.stringMatching(/^EACCES: Domain\.join: the broker refused/);
    expect(first).toEqual({ code: 'EACCES', message });
    expect(host.refused).toEqual([expect.stringContaining(`user ${NOBODY}`)]);
  });

  it('joins where the creator has named it, and its death is seen', async () => {
    const place = Place.at(true, { others: true });
    const host = serve(rig(), { listener: place.open(), uids: [NOBODY] });
    rig().later(() => place.close());
    const { child, first } = await member(rig(), place.path, as);
    expect(first).toHaveProperty('joined');
    await kill(child);
    await until(() => host.gone.length === 1);
  });
});
