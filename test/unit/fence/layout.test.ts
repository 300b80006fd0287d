// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import {
  contextIn,
  FenceBlockSection,
  FenceLayout,
  FenceSection,
  generationOf,
  highWord,
  nextGeneration,
  openWord,
  Phase,
  phaseOf,
  seqnoIn,
  signaledWord,
  stateWord,
} from '../../../src/fence/layout.js';
import { SMALL } from '../world.js';

describe('a fence record', () => {
  test('is one cache line, and its signal touches the first half of it', () => {
    expect(FenceLayout.size).toBe(16);
    expect(FenceLayout.at).toMatchObject({ state: 0, owner: 1, time: 6, agents: 8 });
  });

  test('a million of them for 256 agents, 64 Ki for few', () => {
    expect(FenceSection.rows({ ...SMALL, agents: 256 })).toBe(2 ** 20);
    expect(FenceSection.rows({ ...SMALL, agents: 8 })).toBe(2 ** 16);
    expect(FenceBlockSection.rows({ ...SMALL, agents: 100 }) * 1024).toBe(
      FenceSection.rows({ ...SMALL, agents: 100 }),
    );
  });

  test('generations go round and leave out 0', () => {
    expect(nextGeneration(0)).toBe(1);
    expect(nextGeneration(2 ** 20 - 1)).toBe(1);
    const last = stateWord(2 ** 20 - 1, Phase.SIGNALED, 255);
    expect([generationOf(last), phaseOf(last)]).toEqual([2 ** 20 - 1, Phase.SIGNALED]);
  });

  test('what a signalled state becomes follows from what was open', () => {
    for (const generation of [1, 77, 2 ** 19, 2 ** 20 - 1]) {
      const signaled = stateWord(generation, Phase.SIGNALED, 21);
      expect(signaledWord(openWord(generation), 21)).toBe(signaled);
    }
  });

  test('context and sequence number survive beyond 32 bits', () => {
    for (const context of [0, 1, 2 ** 31, 2 ** 32 + 7, 2 ** 44 - 1]) {
      for (const seqno of [0, 1, 2 ** 31, 2 ** 33 + 9, 2 ** 52 - 1]) {
        const high = highWord(context, seqno);
        expect(contextIn(high, context | 0)).toBe(context);
        expect(seqnoIn(high, seqno | 0)).toBe(seqno);
      }
    }
  });
});
