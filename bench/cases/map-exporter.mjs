// SPDX-License-Identifier: MIT
/** map and unmap through an exporter of one's own, in its own agent, whose callbacks do next to nothing. */
import { Domain } from 'dmabuf';
import { exportRange } from '../lib/exporter.mjs';
import { sink } from '../lib/sink.mjs';
import { interleave } from '../lib/timing.mjs';

export async function measure({ ms }) {
  const domain = await Domain.create();
  const { buf, segments } = exportRange(domain, 4096);
  const attachment = buf.attachSync('bench');
  const callback = () => segments;
  return interleave(
    {
      ours: {
        run(n) {
          for (let i = 0; i < n; i++) {
            const mapping = attachment.mapSync('bidirectional');
            sink.object = mapping;
            mapping.unmap();
          }
        },
      },
      'plain function call': {
        run(n) {
          for (let i = 0; i < n; i++) sink.object = callback();
        },
      },
    },
    ms,
  );
}
