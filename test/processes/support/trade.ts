// SPDX-License-Identifier: MIT
/** Frames to and fro between this process and one that plays `echo` of channels.mjs. */
import type { Domain } from 'dmabuf';

/** Ends a blocking call that would hang the whole run, and decides nothing. */
const NET = { timeout: 15_000 };

/** Sends `frames` of them, one after the other. Each comes back, in order, and with a mark of the other one in it. */
export async function trade(domain: Domain, frames: number, sync: boolean): Promise<void> {
  using frame = domain.alloc(4096);
  using ping = domain.channel('ping');
  using pong = domain.channel('pong');
  for (let tag = 0; tag < frames; tag++) {
    if (sync) ping.sendSync(frame, { ...NET, tag });
    else await ping.send(frame, { ...NET, tag });
    using job = sync ? pong.receiveSync(NET) : await pong.receive(NET);
    using cpu = sync ? job.cpuAccessSync('read', NET) : await job.cpuAccess('read', NET);
    const [trips] = cpu.as(Int32Array, { length: 4 });
    if (job.tag !== tag || trips !== tag + 1) throw new Error(`${tag}: ${job.tag}, ${trips}`);
  }
}

/** Whoever echoes is told to leave. */
export function endTrade(domain: Domain): void {
  using ping = domain.channel('ping');
  ping.end();
}
