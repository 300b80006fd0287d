// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/walk — an iteration without the lock, while somebody changes the list: that of a wait, stopped after its first fence.
 */

/** @import {Session} from './session.mjs' */
/** @import {Entry} from './types.js' */

/** What the recorder does between the first and the second fence, in its words. @type {readonly [RegExp, (session: Session, name: string) => Promise<void>][]} */
const CHANGES = [
  [/^nothing/, async () => {}],
  [/^(\w+) signals$/, async ({ fences }, name) => fences.signal(name)],
  [
    /^(\w+)'s context is replaced in place$/,
    async (session, name) => {
      const { fences, shared } = session;
      const lock = await session.lock(shared);
      lock.replace(fences.timeline(name), fences.get('x'), usageIn(session, 'x'));
    },
  ],
  [/replaced by a bigger one/, (session) => add(session, 64)],
  [/room for one is reserved/, (session) => add(session, 1)],
  [/added within the reserved room/, (session) => add(session, 0)],
];

/** @param {Session} session @param {number} room */
async function add(session, room) {
  const { fences, shared } = session;
  const lock = await session.lock(shared);
  if (room > 0) lock.reserve(room);
  const usage = usageIn(session, 'new');
  if (usage === 'kernel') lock.addKernel(fences.get('new'));
  else lock.add(fences.get('new'), usage);
}

/** With which usage the recorder added a fence: the walk shows it. @param {Session} session @param {string} name */
function usageIn({ scenario }, name) {
  const seen = scenario.trace.find((entry) => entry.observe === 'walk' && entry['fence'] === name);
  const usage = /** @type {string | undefined} */ (seen?.['usage'])?.toLowerCase() ?? 'read';
  return /** @type {import('../../src/resv/index.js').Usage} */ (usage);
}

/** @typedef {{ fence: string | undefined, usage: string | undefined, is_restarted: boolean }} WalkStep */

/** Walks the whole list; the change comes after the first fence. @param {Session} session @param {Entry} entry */
export async function change(session, entry) {
  const words = String(entry['happens']);
  const found = CHANGES.map(([pattern, act]) => ({ match: pattern.exec(words), act })).find(
    ({ match }) => match !== null,
  );
  if (found === undefined) {
    session.verdict.fail(`unknown change of a list: ${words}`);
    return null;
  }
  const { shared, rooms, fences } = session;
  /** @type {WalkStep[]} */
  const walk = [];
  const { waitFor } = rooms.fences;
  let version = -1;
  // The real iteration says which fence it is at by asking for a wait for it.
  rooms.fences.waitFor = function note(point) {
    const listed = shared.list.entries().find((each) => each.point?.row === point.row);
    walk.push({
      fence: fences.atRecord(point),
      usage: listed?.usage.toUpperCase(),
      is_restarted: shared.list.version !== version,
    });
    ({ version } = shared.list);
    return waitFor.call(this, point);
  };
  try {
    const iteration = shared.waitOperation('conform', 'bookkeep');
    let step = iteration.next(null);
    await found.act(session, found.match?.[1] ?? '');
    while (step.done !== true) step = iteration.next(null);
  } finally {
    rooms.fences.waitFor = waitFor;
  }
  session.walk = walk;
  session.walkLength = walk.length;
  session.collected = collected(walk);
  return null;
}

/** What a consumer has in the end, who begins anew when told to. @param {readonly (Entry | WalkStep)[]} walk */
function collected(walk) {
  const last = walk.findLastIndex((step) => /** @type {WalkStep} */ (step).is_restarted);
  return walk.slice(Math.max(last, 0)).map((step) => /** @type {WalkStep} */ (step).fence);
}

/** Does who walks here have the same in the end? @param {Session} session */
export function endsAlike({ scenario, collected: here }) {
  const recorded = scenario.trace.filter(({ observe }) => observe === 'walk');
  return collected(recorded).join() === here.join();
}

/** @param {Session} session @param {Entry} entry */
export function walked(session, entry) {
  if (entry.observe === 'steps') return { value: session.walkLength };
  return session.walk.shift() ?? {};
}
