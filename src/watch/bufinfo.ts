// SPDX-License-Identifier: MIT
/**
 * watch/bufinfo — the text of debugfs dma_buf/bufinfo.
 *
 * The newest buffer comes first. Takes each reservation in turn, as the kernel does, but holds nothing else meanwhile: a lock that is held for long delays
 * this call and nobody else. The columns that say how a file was opened have no meaning here and show 0.
 */

import type { WaitOptions } from '../fence/index.js';
import { liveRows, snapshot } from './snapshot.js';
import type { Watched } from './watched.js';

const HEADER = 'size    \tflags   \tmode    \tcount   \texp_name\tino     \tname';

const hex = (n: number): string => n.toString(16).padStart(8, '0');
const decimal = (n: number): string => String(n).padStart(8, '0');

export async function bufinfo(rooms: Watched, options: WaitOptions): Promise<string> {
  for (const row of liveRows(rooms)) {
    const resv = rooms.reservations.of(rooms.buffers.rows.word(row, 'resv'));
    (await resv.lock({ ...options, recover: true })).unlock();
  }
  const lines = ['', 'Dma-buf Objects:', HEADER];
  let bytes = 0;
  const buffers = snapshot(rooms).buffers.toSorted((a, b) => b.id - a.id);
  for (const buffer of buffers) {
    bytes += buffer.size;
    const count = Object.keys(buffer.refs).length + buffer.inFlight;
    const columns = [decimal(buffer.size), hex(0), hex(0), decimal(count), buffer.exporter];
    lines.push([...columns, decimal(buffer.id), buffer.name ?? '<none>'].join('\t'));
    for (const { usage, timeline, seqno, signaled } of buffer.fences) {
      if (usage === 'bookkeep') continue;
      lines.push(`\t${usage} fence: ${timeline} seq ${seqno} ${signaled ? '' : 'un'}signalled`);
    }
    lines.push('\tAttached Devices:');
    for (const { device } of buffer.attachments) lines.push(`\t${device}`);
    lines.push(`Total ${buffer.attachments.length} devices attached`, '');
  }
  lines.push('', `Total ${buffers.length} objects, ${bytes} bytes`, '');
  return lines.join('\n');
}
