// SPDX-License-Identifier: MIT
/**
 * buf/importer — what a dynamic importer promises.
 *
 * @source struct dma_buf_attach_ops
 */

import type { DynamicAttachment } from './dynamic-attachment.js';

/** Callbacks of a dynamic importer. @source struct dma_buf_attach_ops */
export interface ImporterOps {
  /**
   * The buffer is about to move: close its mappings (disposing them does not wait), map again before the next use. Runs in the agent
   * that attached: with the lock held for it where the buffer was exported, elsewhere soon after the move. It must not wait (so it
   * must not be async: that does not compile), lock, attach or detach.
   * @source dma_buf_move_notify
   */
  moveNotify(attachment: DynamicAttachment): undefined;
}
