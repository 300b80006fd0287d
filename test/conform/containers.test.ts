// SPDX-License-Identifier: MIT
/** Recorded traces of arrays, chains and merges of fences that were tampered with: the replay must fail. */
import { describe, expect, test } from 'vitest';
import { replay } from './replay.mjs';
import { scenario } from './scenarios.js';
import { type StepDraft, withObservation, withStep } from './tamper.js';
import type { Scenario } from './types.js';

const step = (name: string, call: string, change: (draft: StepDraft) => void) => (): Scenario =>
  withStep(scenario('fence', name), call, change);
/** The first of these calls, with another argument. */
const argument = (name: string, call: string, field: string, value: unknown) =>
  step(name, call, (draft) => void (draft.args = { ...draft.args, [field]: value }));
/** The last of these observations, with another value. */
const seen = (name: string, what: string, field: string, value: unknown) => (): Scenario =>
  withObservation(scenario('fence', name), what, (entry) => void (entry[field] = value as never));

const ARRAY = 'array.all.callback';
const ERRORS = 'array.errors.all';
const ARRAYS = 'array.misc';
const CHAIN = 'chain.find_seqno';
const LINKS = 'chain.signal.in_order';
const LEAVES = 'unwrap.each';
const MERGE = 'unwrap.merge';

const TAMPERED: [what: string, tampered: () => Scenario, complaint: RegExp][] = [
  [
    'an array of other fences',
    step(ARRAY, 'dma_fence_array_create', (d) => void (d.ret = 'array(f,g)')),
    /there is no container array\(f,g,h\)/,
  ],
  [
    'an array of one out of many',
    argument(ARRAY, 'dma_fence_array_create', 'signal_on_any', true),
    /is_signaled/,
  ],
  ['an array of more fences', argument(ARRAY, 'dma_fence_array_create', 'num', 4), /field num/],
  ['an array that is pending', seen(ARRAY, 'array', 'is_signaled', false), /observe is_signaled/],
  ['another status of an array', seen(ARRAY, 'array', 'status', 0), /observe status/],
  ['an error that nobody has', seen(ARRAY, 'array', 'status', '-EIO'), /observe status/],
  ['an error that came later', seen(ERRORS, 'array', 'status', '-ENOMEM'), /observe status/],
  ['an error in the slot', seen(ARRAY, 'array', 'raw_error_after', -5), /raw_error_after/],
  [
    'a callback of an array too early',
    step(
      ARRAY,
      'dma_fence_signal',
      (d) => void d.events.push({ op: 'fence_callback', cb: 'c', fence: 'array(f,g,h)' }),
    ),
    /event missing fence_callback/,
  ],
  ['another context', seen(ARRAYS, 'match_context', 'array(f,g,h)', true), /match_context/],
  ['another element', seen(ARRAYS, 'array_for_each', 'fence', 'g'), /observe fence/],
  ['an array that is a chain', seen(ARRAYS, 'names', 'is_chain', true), /observe is_chain/],
  [
    'another number of a link',
    argument(CHAIN, 'dma_fence_chain_init', 'got_seqno', 2),
    /got_seqno/,
  ],
  [
    'another timeline of a link',
    argument(CHAIN, 'dma_fence_chain_init', 'same_context_as_prev', true),
    /same_context_as_prev/,
  ],
  [
    'another link that is found',
    argument(CHAIN, 'dma_fence_chain_find_seqno', 'found', null),
    /field found/,
  ],
  [
    'a number that is not found',
    step(CHAIN, 'dma_fence_chain_find_seqno', (d) => void (d.ret = '-EINVAL')),
    /ret: Linux "-EINVAL", here 0/,
  ],
  ['another walk', seen(CHAIN, 'walk', 'nodes', ['chain@8(f4)']), /observe nodes/],
  [
    'a link that is pending',
    seen(LINKS, 'chains', 'is_signaled', [true, true, false]),
    /observe is_signaled/,
  ],
  [
    'a head that has signalled',
    seen(LINKS, 'chains', 'head_signaled_bit_before', true),
    /head_signaled_bit_before/,
  ],
  ['other leaves', seen(LEAVES, 'unwrap an array', 'fences', ['f2', 'f1']), /observe fences/],
  ['another merge', step(MERGE, 'dma_fence_unwrap_merge', (d) => void (d.ret = 'c1s2')), /ret/],
  [
    'a merge that is another fence',
    argument(MERGE, 'dma_fence_unwrap_merge', 'is_the_fence_itself', false),
    /is_the_fence_itself/,
  ],
  [
    'a merge of what is over',
    argument(MERGE, 'dma_fence_unwrap_merge', 'c1s1', 'signaled'),
    /field c1s1/,
  ],
];

describe('a tampered trace of a container fails', () => {
  test.each(TAMPERED)('%s', async (_what, tampered, complaint) => {
    const { verdict, why } = await replay(tampered());
    expect([verdict, why.join('\n')]).toEqual(['failed', expect.stringMatching(complaint)]);
  });
});
