// SPDX-License-Identifier: MIT
/**
 * Property tests run the same cases each time, so that what fails once fails again. `SEED=7 npx vitest run test/unit` runs others.
 */
import fc from 'fast-check';

const { SEED = '1' } = process.env;
fc.configureGlobal({ seed: Number(SEED) });

export { fc };
