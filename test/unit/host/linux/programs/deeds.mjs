// SPDX-License-Identifier: MIT
/** What has to be done in a process of its own: `argv` says what. Descriptors that it inherits begin at 4. */
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  closeDescriptor,
  duplicate,
  openDescriptors,
} from '../../../../../dist/host/linux/descriptors.js';
import {
  checkEvent,
  createEvent,
  drainEvent,
  ringEvent,
} from '../../../../../dist/host/linux/event-descriptor.js';
import { EventWatch } from '../../../../../dist/host/linux/event-watch.js';
import { futexWait } from '../../../../../dist/host/linux/futex.js';
import { hasLinux, insist, whyNotLinux } from '../../../../../dist/host/linux/library.js';
import {
  addressOf,
  discard,
  isShared,
  mapForReading,
  mapShared,
} from '../../../../../dist/host/linux/mapped-memory.js';
import { createMemoryFile } from '../../../../../dist/host/linux/memory-file.js';
import { PacketListener, PacketSocket } from '../../../../../dist/host/linux/packet-socket.js';
import { Readiness } from '../../../../../dist/host/linux/readiness.js';

const INHERITED = 4;
const BYTES = 65_536;

function codeOf(fn) {
  try {
    fn();
    return 'nothing';
  } catch ({ code, message }) {
    return `${code} ${message}`;
  }
}

const heed = (...of) => new Readiness(...of);
const listen = (...to) => new EventWatch(...to);

function throwing() {
  throw new RangeError('could not allocate memory');
}

async function until(so) {
  while (!so()) await turn();
}

const deeds = {
  /** Something can be read just when the event loop has ended. */
  'be told too late'() {
    const event = createEvent();
    heed(event, () => console.log('told'), { ref: false });
    process.on('exit', () => {
      ringEvent(event);
      console.log('end');
    });
    process.disconnect();
  },

  /** Sleeps on a word of inherited memory until it is woken and the word has changed. */
  sleep() {
    const memory = mapShared('deed', INHERITED, BYTES);
    const words = new Int32Array(memory);
    while (Atomics.load(words, 1) === 0) futexWait(addressOf(memory) + 4n, 0, 100);
    Atomics.store(words, 2, 1);
  },

  /** Reads memory that is for readers, and tries to write to it in every way. */
  'write to what is to be read'() {
    const words = new Int32Array(mapForReading('deed', INHERITED, BYTES));
    console.log(`read ${Atomics.load(words, 0)}`);
    console.log(codeOf(() => mapShared('deed', INHERITED, BYTES)));
    words[0] = 1;
    console.log('wrote');
  },

  /** Watches that nobody holds hear what comes after the garbage collector. */
  async 'collect garbage'() {
    const heard = new Set();
    const [polled, watched] = [createEvent(), createEvent()];
    (() => {
      heed(polled, () => drainEvent(polled) && heard.add('polled'));
      listen(watched, () => heard.add('watched'));
    })();
    for (let n = 0; n < 20; n++) {
      globalThis.gc();
      await turn();
    }
    ringEvent(polled);
    ringEvent(watched);
    await until(() => heard.size === 2);
    process.exit(0);
  },

  /** An exception of a callback is an uncaught one, and no other call's. */
  async throw() {
    const caught = [];
    process.on('uncaughtException', ({ message }) => caught.push(message));
    const [polled, watched] = [createEvent(), createEvent()];
    const readiness = heed(polled, () => {
      drainEvent(polled);
      throw new Error('polled');
    });
    const watch = listen(watched, () => {
      throw new Error('watched');
    });
    for (const round of [1, 2]) {
      ringEvent(polled);
      ringEvent(watched);
      await until(() => caught.length === 2 * round);
      closeDescriptor(duplicate(polled));
    }
    readiness.close();
    watch.close();
    console.log(caught.toSorted().join(' '));
  },

  /** Ends though one of each is open: they do not keep the process alive. */
  'end while watching'() {
    heed(createEvent(), () => {}, { ref: false });
    heed(createEvent(), () => {}).unref();
    listen(createEvent(), () => {}, { ref: false });
    listen(createEvent(), () => {}).unref();
    process.channel?.unref();
    console.log('end');
  },

  /** Lives as long as something is watched. */
  'live while watching'() {
    process.disconnect();
    const event = createEvent();
    const watch = listen(event, () => {}, { ref: false });
    watch.ref();
    const readiness = heed(event, () => {});
    let turns = 0;
    const tick = () => {
      if (++turns === 10) watch.close();
      if (turns === 20) {
        readiness.close();
        console.log('closed');
      }
      if (turns < 20) setTimeout(tick, 1).unref();
    };
    tick();
  },

  /** Threads are ended again and again while their bells are rung. */
  async 'end threads'() {
    for (let n = 0; n < 40; n++) {
      const event = createEvent();
      const worker = new Worker(new URL(import.meta.url), {
        argv: ['be ended'],
        workerData: { event },
      });
      let here = false;
      worker.once('message', () => {
        here = true;
      });
      await until(() => here);
      for (let rings = 0; rings < 50 * n; rings++) ringEvent(event);
      const ended = worker.terminate();
      for (let rings = 0; rings < 1000; rings++) ringEvent(event);
      await ended;
      closeDescriptor(event);
    }
  },
  'be ended'() {
    insist();
    const { event } = workerData;
    listen(event, () => {});
    heed(event, () => {});
    parentPort.postMessage('here');
  },

  /** A worker learns by itself what is to be read, and hears its bell. */
  async 'be a worker'() {
    if (isMainThread) {
      // What printing opens is open from now on.
      console.log('begin');
      const worker = new Worker(new URL(import.meta.url), { argv: ['be a worker'] });
      let event;
      worker.on('message', (said) => {
        if (typeof said === 'number') event = said;
        else console.log(said);
      });
      worker.on('exit', () =>
        console.log(`left behind: ${codeOf(() => checkEvent('deed', event))}`),
      );
      return;
    }
    parentPort.postMessage(`${hasLinux()} ${whyNotLinux()}`);
    parentPort.postMessage(codeOf(() => createEvent()));
    insist();
    parentPort.postMessage(`${hasLinux()} ${whyNotLinux()}`);
    const [left, polled, watched] = [createEvent(), createEvent(), createEvent()];
    // An event loop opens something for itself when it watches for the first time.
    listen(left, () => {}).close();
    const before = openDescriptors();
    const heard = new Set();
    const readiness = heed(polled, () => drainEvent(polled) && heard.add('polled'));
    const watch = listen(watched, () => heard.add('watched'));
    ringEvent(polled);
    ringEvent(watched);
    await until(() => heard.size === 2);
    readiness.close();
    watch.close();
    closeDescriptor(polled);
    closeDescriptor(watched);
    parentPort.postMessage(`heard, and closed ${before - openDescriptors()}`);
    parentPort.postMessage(left);
  },

  /** There are no descriptors left: who wants to connect is refused, and what cannot all be taken is closed. */
  'run out of descriptors'() {
    const path = process.env.SOCKET;
    const listener = PacketListener.bind(path);
    const sender = PacketSocket.connect(path);
    const receiver = listener.accept();
    const late = PacketSocket.connect(path);
    const file = createMemoryFile('deed', 0);
    sender.send(
      new Uint8Array(1),
      Array.from({ length: 10 }, () => file),
    );
    const taken = [];
    while (codeOf(() => taken.push(duplicate(file))) === 'nothing');
    console.log(codeOf(() => listener.accept()));
    console.log(late.receive());
    console.log(listener.accept());
    for (const fd of taken.splice(0, 3)) closeDescriptor(fd);
    const before = openDescriptors();
    console.log(codeOf(() => receiver.receive()));
    console.log(`${openDescriptors() - before} left open`);
    console.log(receiver.receive());
  },

  /** Maps inherited memory where the engine has none to put it over. */
  async 'map all the same'() {
    // As it does where address space is limited.
    if (globalThis.WebAssembly !== undefined) WebAssembly.Memory = throwing;
    const memory = mapShared('deed', INHERITED, BYTES);
    const words = new Int32Array(memory);
    console.log(`${isShared(memory)} ${Atomics.add(words, 0, 1)}`);
    futexWait(addressOf(memory), 0, 0);
    discard(memory, 4, 8);
    console.log(`${words[1]} ${words[2]} ${words[3]}`);
    console.log(codeOf(() => mapShared('deed', INHERITED, 2 * BYTES).byteLength));
  },
};

await deeds[process.argv[2]]();
if (isMainThread && process.connected) process.disconnect();
