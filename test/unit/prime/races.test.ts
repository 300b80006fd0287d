// SPDX-License-Identifier: MIT
/** Closing a handle against everything else, in every order; with one callback that fails, or one caller that gives up, anywhere. */
import { describe, expect, it } from 'vitest';
import { nth, rigs } from '../buf/rig.js';
import { explore } from './explore.js';
import { planted } from './planted.js';
import * as scenes from './scenes.js';

describe('in every order, and with a fault anywhere', () => {
  for (const [name, make] of Object.entries(scenes)) {
    it(`${name}: nothing is left over, and nothing is taken for something else`, async () => {
      const rig = nth(rigs(1), 0);
      for (const faults of [0, 1]) {
        const { found, schedules } = await explore(() => make(rig), faults);
        expect(found).toBeNull();
        expect(schedules).toBeGreaterThan(10); // control: there was something to choose
      }
    });
  }
});

describe('a planted fault is found', () => {
  for (const { name, scene, plant } of planted) {
    it(name, async () => {
      const rig = nth(rigs(1), 0);
      const remove = plant();
      try {
        const { found } = await explore(() => scene(rig), 1);
        expect(found).not.toBeNull();
      } finally {
        remove();
      }
    });
  }
});
