// SPDX-License-Identifier: MIT
/** Opens what it is sent, reads it, and closes it or keeps it; says what that costs it. */
import { Domain } from 'dmabuf';
import { footprint } from '../support/footprint.mjs';

const domain = await Domain.join();
const kept = [];

/** The first byte, and the last one. */
function ends(buf) {
  const cpu = buf.cpuAccessSync('read');
  const { bytes } = cpu;
  const sum = bytes[0] + bytes[bytes.length - 1];
  cpu.end();
  return sum;
}

async function serve({ shares, keep, every, end }) {
  if (end) {
    for (const buf of kept) buf.close();
    await domain.close();
    process.disconnect();
    return;
  }
  let sum = 0;
  for (const [n, share] of shares.entries()) {
    const buf = await domain.open(share);
    if (n % every === 0) sum += ends(buf);
    if (keep) kept.push(buf);
    else buf.close();
  }
  process.send({ sum, footprint: footprint() });
}

process.on('message', (message) => void serve(message));
process.send('ready');
