// SPDX-License-Identifier: MIT
/** Threads that are ended while they join, when they load the addon: `argv` says how, and after how many tenths of a millisecond. */
import { BroadcastChannel, isMainThread } from 'node:worker_threads';
import { Domain } from 'dmabuf';

const CREW = 3;
const joining = new BroadcastChannel('joining');

/** Until all of the crew are about to join. */
function allJoin() {
  let missing = CREW;
  return new Promise((resolve) => {
    joining.addEventListener('message', function count() {
      if (--missing > 0) return;
      joining.removeEventListener('message', count);
      resolve();
    });
  });
}

async function main() {
  const [how, ...tenths] = process.argv.slice(2);
  const domain = await Domain.create();
  for (const delay of tenths.map(Number)) {
    const call = new AbortController();
    const there = allJoin();
    const crew = Array.from({ length: CREW }, () =>
      domain.spawn(new URL(import.meta.url), { signal: call.signal }),
    );
    const ended = Promise.allSettled(crew);
    await there;
    for (const end = performance.now() + delay / 10; performance.now() < end; );
    if (how === 'exit') process.exit(0);
    call.abort();
    for (const { value } of await ended) await value?.kill();
  }
  process.exit(0);
}

if (isMainThread) await main();
else {
  joining.postMessage('here');
  await Domain.join();
}
