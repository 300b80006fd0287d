// SPDX-License-Identifier: MIT
/** Threads that are ended around their first wait, when they load the addon: `argv` says how, and after how many tenths of a millisecond. */
import { isMainThread, threadId } from 'node:worker_threads';
import { Domain } from 'dmabuf';

const CREW = 3;

async function main() {
  const [how, ...tenths] = process.argv.slice(2);
  const domain = await Domain.create();
  const url = new URL(import.meta.url);
  for (const delay of tenths.map(Number)) {
    const crew = await Promise.all(Array.from({ length: CREW }, () => domain.spawn(url)));
    for (const end = performance.now() + delay / 10; performance.now() < end; );
    if (how === 'exit') process.exit(0);
    await Promise.all(crew.map((one) => one.host.terminate()));
  }
  process.exit(0);
}

if (isMainThread) await main();
else {
  const domain = await Domain.join();
  domain.channel(`nobody sends ${threadId}`).receiveSync();
}
