// SPDX-License-Identifier: MIT
/**
 * A page table of its own for tests, and what must be true of it after every operation.
 */

import { classOf } from '../../../src/heap/free-runs.js';
import {
  HeapLayout,
  HeapSection,
  PageKind,
  PageLayout,
  PageSection,
} from '../../../src/heap/heap-layout.js';
import { Runs } from '../../../src/heap/runs.js';
import { Arena } from '../../../src/mem/index.js';
import { SMALL } from '../world.js';

const KIND: Readonly<Record<number, string>> = {
  [PageKind.FREE]: 'free',
  [PageKind.USED]: 'used',
  [PageKind.CLAIMED]: 'claimed',
};
const heap = HeapLayout.at;
const page = PageLayout.at;

export function pageTable(pages: number, slabPages = pages): Runs {
  const arena = Arena.create([HeapSection, PageSection], { ...SMALL, pages }, [1, 2]);
  const [heapAt, pagesAt] = [arena.base(HeapSection), arena.base(PageSection)];
  const runs = new Runs(arena.words, heapAt, pagesAt, pages, slabPages);
  runs.prepare();
  return runs;
}

/** "used 3, free 5": the runs in order. */
export function shape(runs: Runs): string {
  return [...runs.all()].map(({ kind, length }) => `${KIND[kind]} ${length}`).join(', ');
}

/** First pages of free runs, as the classes list them. */
function listed(runs: Runs): Map<number, number> {
  const found = new Map<number, number>();
  for (let index = 0; index < HeapLayout.fields.classes.size; index++) {
    let prev = 0;
    let run = runs.words[runs.heap + heap.classes + index] ?? 0;
    const bit = ((runs.words[runs.heap + heap.bitmap + (index >>> 5)] ?? 0) >>> (index & 31)) & 1;
    if ((run !== 0 ? 1 : 0) !== bit) found.set(-1 - index, bit);
    while (run !== 0 && !found.has(run - 1)) {
      const at = runs.pages + (run - 1) * PageLayout.size;
      found.set(run - 1, runs.words[at + page.prev] === prev ? index : -1);
      prev = run;
      run = runs.words[at + page.next] ?? 0;
    }
  }
  return found;
}

/** I16, and that everything derived agrees with the first pages. */
export function problems(runs: Runs): string[] {
  const found: string[] = [];
  const lists = listed(runs);
  let at = 0;
  let used = 0;
  let wasFree = false;
  for (const { first, length, kind } of runs.all()) {
    const free = kind === PageKind.FREE;
    if (first !== at) found.push(`gap before page ${first}`);
    if (length < 1 || first + length > runs.count) found.push(`run ${first} has length ${length}`);
    const border = (Math.floor(first / runs.slabPages) + 1) * runs.slabPages;
    if (first + length > border) found.push(`run ${first} crosses the border at ${border}`);
    if (!(kind in KIND)) found.push(`run ${first} is nothing`);
    const opens = first % runs.slabPages === 0;
    if (free && wasFree && !opens) found.push(`run ${first} should be one with the run before it`);
    const tail = runs.words[runs.pages + (first + length - 1) * PageLayout.size + page.tail];
    if (tail !== (free ? length : 0)) found.push(`tail of run ${first} says ${tail}`);
    if (free && lists.get(first) !== classOf(length))
      found.push(`run ${first} is not in its class`);
    if (free) lists.delete(first);
    else used += length;
    wasFree = free;
    at = first + length;
  }
  if (at !== runs.count) found.push(`runs cover ${at} of ${runs.count} pages`);
  if (runs.used !== used) found.push(`${runs.used} pages count as used, ${used} are`);
  for (const [first, index] of lists)
    found.push(`class ${index} lists ${first}, which is not free`);
  return found;
}
