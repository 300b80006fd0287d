// SPDX-License-Identifier: MIT
// @ts-check
/** The domain of a kill test: its tables are full soon, if the dead keep rows. */
import { MiB } from 'dmabuf';

export const LIMITED = {
  heap: 48 * MiB,
  limits: { agents: 24, buffers: 512, timelines: 256, channels: 16 },
};
