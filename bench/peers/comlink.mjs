// SPDX-License-Identifier: MIT
/** Peer: comlink, a remote call that takes the frame and returns it, both by transfer. */
import { isMainThread, parentPort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { consume, DEPTH, privateFrame } from '../lib/frames.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';

async function open({ size, cpus }) {
  const idle = Array.from({ length: DEPTH }, () => privateFrame(size));
  const worker = await startParty(import.meta.url, { cpus });
  const remote = Comlink.wrap(nodeEndpoint(worker));
  return {
    async roundTrip(k) {
      const frame = idle.pop();
      frame[0] = k;
      idle.push(await remote.take(Comlink.transfer(frame, [frame.buffer]), k));
    },
  };
}

function serve() {
  enter();
  const api = {
    take(frame, k) {
      consume(frame, k);
      return Comlink.transfer(frame, [frame.buffer]);
    },
  };
  Comlink.expose(api, nodeEndpoint(parentPort));
  ready();
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) serve();
