// SPDX-License-Identifier: MIT
/** Sync files between real threads: they are opened, outlive whoever made them, and die with nobody but their last user. */
import type { Domain } from 'dmabuf';
import { SyncFile, type SyncShare } from 'dmabuf/file';
import { SoftwareTimeline } from 'dmabuf/testing';
import { expect, test } from 'vitest';
import { Actor, WAYS } from './support/actor.js';
import { withDomain } from './support/with-domain.js';

/** Shared sync files that somebody has open, or a ticket for. */
const shared = (domain: Domain): number =>
  (domain as unknown as { syncFiles: { rows: { count: number } } }).syncFiles.rows.count;

const codeOf = (call: () => unknown): unknown => {
  try {
    call();
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
  return 'no error';
};

test('another thread opens it, learns how it ended, and has it when the sender has closed', () =>
  withDomain({}, async (domain) => {
    using timeline = SoftwareTimeline.create(domain, 'gpu');
    const file = timeline.createFence(1, 'frame 1');
    const actor = await Actor.start(domain, 'sync-files.mjs', 'opens');
    actor.tell(file.share());
    file.close();
    expect(await actor.hear('open')).toEqual({ id: file.id, name: 'frame 1', status: 0 });
    await domain.idle();
    timeline.close();
    actor.tell('go');
    expect(await actor.hear('status')).toBe('ENOENT');
    expect(shared(domain)).toBe(1);
    actor.tell('go');
    await actor.finished();
    expect(shared(domain)).toBe(0);
  }));

test('a share for a member is for nobody else, and comes back when that member ends', () =>
  withDomain({}, async (domain) => {
    using timeline = SoftwareTimeline.create(domain);
    const actor = await Actor.start(domain, 'sync-files.mjs', 'opens');
    using file = timeline.createFence(1);
    const share = file.share({ to: actor.member });
    expect(codeOf(() => SyncFile.open(domain, share))).toBe('EACCES');
    await actor.die();
    await domain.idle();
    expect(codeOf(() => SyncFile.open(domain, share))).toBe('ESTALE');
    expect(codeOf(() => file.share({ to: actor.member }))).toBe('ESTALE');
    file.close();
    expect(shared(domain)).toBe(0);
  }));

for (const way of WAYS) {
  test(`a thread that dies by ${way} takes its own references along, and no others`, () =>
    withDomain({}, async (domain) => {
      using timeline = SoftwareTimeline.create(domain);
      using ours = timeline.createFence(1);
      const actor = await Actor.start(domain, 'sync-files.mjs', 'dies');
      actor.tell(ours.share());
      const [first, second] = (await actor.hear('points')) as [SyncShare, SyncShare];
      const theirs = SyncFile.open(domain, first);
      expect([theirs.status, shared(domain)]).toEqual([0, 2]);
      await actor.die(way);
      expect([theirs.status, theirs.name, ours.status]).toEqual(['EOWNERDEAD', 'own', 0]);
      expect(codeOf(() => SyncFile.open(domain, second))).toBe('ESTALE');
      expect(shared(domain)).toBe(2);
      theirs.close();
      ours.close();
      await domain.idle();
      expect(shared(domain)).toBe(0);
    }));
}
