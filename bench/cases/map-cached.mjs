// SPDX-License-Identifier: MIT
/** tryMap and unmap of an attachment whose mapping is cached; also what that allocates. */
import { Domain } from 'dmabuf';
import { atomicsLoad } from '../floor/atomics-load.mjs';
import { bytesPerOperation } from '../lib/garbage.mjs';
import { sink } from '../lib/sink.mjs';
import { interleave } from '../lib/timing.mjs';

export async function measure({ ms }) {
  const domain = await Domain.create();
  const buf = domain.alloc(4096);
  const attachment = buf.dynamicAttachSync('bench', { moveNotify() {} });
  const lock = buf.resv.lockSync();
  const run = (n) => {
    for (let i = 0; i < n; i++) {
      const mapping = attachment.tryMap(lock, 'bidirectional');
      sink.object = mapping;
      mapping.unmap(lock);
    }
  };
  const result = await interleave({ ours: { run }, 'Atomics.load': atomicsLoad(1) }, ms);
  result.ours.bytesPerOperation = bytesPerOperation(run);
  return result;
}
