// SPDX-License-Identifier: MIT
/** Heaps of one's own among real threads. Two that add the same name at once: model/models/heap-names.mjs. */
import { DmaBufError } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor, WAYS } from './support/actor.js';
import { withDomain } from './support/with-domain.js';

describe('the heap of another thread', () => {
  for (const way of WAYS) {
    test(`is EXDEV, which names the thread, and goes with it: ${way}`, () =>
      withDomain({}, async (domain) => {
        const info = { name: 'tiles', allocate: (size: number) => domain.alloc(size) };
        const author = await Actor.start(domain, 'heaps.mjs', 'author', { name: 'tiles' });
        await author.hear('added');
        const failed = (call: () => unknown) => {
          try {
            return call();
          } catch (error) {
            return DmaBufError.is(error) ? [error.code, error.at['agent']] : error;
          }
        };
        expect(failed(() => domain.alloc(1, { heap: 'tiles' }))).toEqual(['EXDEV', author.name]);
        expect(failed(() => domain.addHeap(info))).toEqual(['EEXIST', author.name]);
        await author.die(way);
        expect(failed(() => domain.heap('tiles'))).toEqual(['ENOENT', undefined]);
        using heap = domain.addHeap(info);
        expect(domain.heap('tiles')).toBe(heap);
      }));
  }
});
