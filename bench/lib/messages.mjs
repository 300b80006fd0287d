// SPDX-License-Identifier: MIT
/**
 * Round trips and pipelines over anything that posts a message and calls back with the answer:
 * clone, transfer, or a message beside shared memory. The answers come in the order of the posts.
 */
import { DEPTH } from './frames.mjs';

/**
 * @param port    has on('message')
 * @param post    post(k) sends frame number k; k counts up from 0 over all runs
 * @param settle  settle(answer) takes back what the answer carries
 */
export function messageTransport(port, post, settle) {
  let answered = null;
  let next = 0;
  port.on('message', (answer) => {
    settle(answer);
    answered();
  });
  return {
    roundTrip: () =>
      new Promise((resolve) => {
        answered = resolve;
        post(next++);
      }),
    pipeline: (ms) =>
      new Promise((resolve) => {
        const end = performance.now() + ms;
        const first = next;
        let returned = 0;
        answered = () => {
          returned++;
          if (performance.now() < end) post(next++);
          else if (returned === next - first) resolve(returned);
        };
        while (next - first < DEPTH) post(next++);
      }),
  };
}
