// SPDX-License-Identifier: MIT
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { contradictions, linuxNames, namesIn, renderTable } from '../../../scripts/linux-names.mjs';
import { makeTree } from './tree.js';

describe('linux names', () => {
  it('takes names from @source and from parentheses, not from the sentence', () => {
    const comment = `/** Unlike dma_buf_fd, takes the lock. (dma_resv_lock, DMA_BUF_SET_NAME)
      * @source dma_buf_attach() + dma_buf_pin
      * @throws EBUSY dma_buf_put */`;
    expect(namesIn(comment)).toEqual([
      'dma_buf_attach',
      'dma_buf_pin',
      'dma_resv_lock',
      'DMA_BUF_SET_NAME',
    ]);
  });

  it('lists what the entry points export, with members, and nothing else', () => {
    using tree = makeTree({
      'src/index.ts': "export { Buf } from './buf.js';",
      'src/buf.ts': `
/** One reference. (struct dma_buf) */
export class Buf {
  /** (dma_buf_put) */ close(): void {}
  /** (dma_buf_fd) */ private hidden(): void {}
  /** (dma_buf_pin) @internal */ pin(): void {}
}
/** (dma_fence_get) */
export class NotExported {}`,
    });
    const rows = linuxNames([path.join(tree.root, 'src/index.ts')], tree.root);
    expect(rows).toEqual([
      ['struct dma_buf', 'Buf', 'src/buf.ts'],
      ['dma_buf_put', 'Buf.close', 'src/buf.ts'],
    ]);
    expect(renderTable(rows)).toContain(
      '| `dma_buf_put` | `Buf.close` | [src/buf.ts](../src/buf.ts) |',
    );
  });

  it('lists what has no counterpart, and refuses a name that has one', () => {
    const rows = [['struct dma_buf', 'Buf', 'src/buf.ts']];
    const missing = [['dma_fence_put', 'values']];
    expect(renderTable(rows, missing)).toContain('| `dma_fence_put` | values |');
    expect(contradictions(rows, missing)).toEqual([]);
    expect(contradictions(rows, [['dma_buf', 'never']])).toEqual([
      'dma_buf has a counterpart: take it out of NO_COUNTERPART',
    ]);
  });
});
