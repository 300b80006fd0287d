// SPDX-License-Identifier: MIT
import os from 'node:os';

/** What a reader has to know beside the figures. */
export const machine = () => ({
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
  cores: os.availableParallelism(),
  kernel: `${os.type()} ${os.release()}`,
  arch: os.arch(),
  node: process.version,
});
