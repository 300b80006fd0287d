// SPDX-License-Identifier: MIT
/** Scenes with the file of a buffer, for files.test.ts. */
import { DMA_BUF_SYNC_WRITE, DmaBufFile, POLLIN, POLLOUT } from 'dmabuf/file';
import { dieAsTold, hear, keep, parked, play, say } from './actor.mjs';

/** The file of a shared buffer; its handle is closed. */
function opened(domain, share) {
  const buf = domain.openSync(share);
  const file = DmaBufFile.open(buf);
  buf.close();
  return file;
}

await play({
  /** Polls until the buffer is ready, then maps it and writes. */
  async polls(domain, { buffer }) {
    const file = opened(domain, buffer);
    const polled = file.poll(POLLIN | POLLOUT);
    await parked();
    say('polls', await file.poll(POLLIN | POLLOUT, 0));
    say('polled', await polled);
    const map = await file.mmap(0, 4096);
    file.close();
    map.bytes[0] = 9;
    say('written');
    await hear();
    map.munmap();
  },

  /** Begins to write, has it mapped, and dies of it. */
  async begins(domain, { buffer }) {
    const file = keep(opened(domain, buffer));
    await file.sync(DMA_BUF_SYNC_WRITE);
    keep(await file.mmap(0, 4096)).bytes[0] = 7;
    say('begun');
    await dieAsTold();
  },
});
