// SPDX-License-Identifier: MIT
/** Sync objects with fences of real threads in them: who waits wakes when the thread signals, and when it dies. */
import { SyncFile, type SyncShare } from 'dmabuf/file';
import { SyncobjClient } from 'dmabuf/prime';
import { expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { parked } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

for (const end of ['signals', 'dies'] as const) {
  test(`a binary object and a timeline with a fence of a thread are over when that ${end}`, () =>
    withDomain({}, async (domain) => {
      const child = await Actor.start(domain, 'sync-files.mjs', 'child');
      const [share] = (await child.hear('points')) as [SyncShare];
      using client = new SyncobjClient(domain);
      const [binary, timeline] = [client.create(), client.create()];
      const waits = [
        client.wait([binary], { forSubmit: true }),
        client.timelineWait([timeline], [3], { forSubmit: true }),
      ];
      {
        using file = SyncFile.open(domain, share);
        client.replaceFence(binary, file.fence);
        client.addPoint(timeline, 3, file.fence);
      }
      await parked();
      expect(client.query([timeline])).toEqual([0]);
      if (end === 'signals') child.tell('go');
      else await child.member.kill();
      expect(await Promise.all(waits)).toEqual([0, 0]);
      expect(client.query([timeline])).toEqual([3]);
      expect(client.findFence(binary).error).toBe(end === 'signals' ? null : 'EOWNERDEAD');
      if (end === 'signals') {
        child.tell('go');
        await child.finished();
      }
    }));
}
