// SPDX-License-Identifier: MIT
/**
 * What is measured and what it has to reach. An experiment runs its cases side by side and answers
 * one or more rows; a row compares our time with the best of the cases named in `against`. All
 * figures are times, so every limit is "at most". Cases that a row does not compare with are its
 * peers: shown, not judged.
 *
 *   placements  "1" both parties on one core, "2" on two
 *   cases       one process each, or two where the parties are processes; or `together`: one module
 *               that interleaves all cases in a process
 *   limit       of the ratio ours / reference, for every placement or by placement; null: reported, not judged
 *   require     limits of other facts that our case reports: at least or at most, in every round
 */
import { FRAME, MIDDLE, SMALL, ULTRA } from './lib/frames.mjs';

const ONE = ['1'];
const BOTH = ['1', '2'];

const HOT = { shape: 'hot', ms: 150 };
const ASLEEP = { shape: 'asleep' };
const MICRO = { ms: 120 };
const RACE = { ms: 200 };

const at = (module, ...options) => Object.assign({ module }, ...options);

const small = { size: SMALL };
const blockingHandoff = (shape) => ({
  ours: at('cases/handoff-blocking.mjs', small, shape),
  'Atomics.wait': at('floor/atomics-wait.mjs', small, shape),
  'bare spin-yield': at('floor/spin-yield.mjs', small, shape),
});
const asyncHandoff = (shape) => ({
  ours: at('cases/handoff-async.mjs', small, shape),
  'Atomics.waitAsync': at('floor/wait-async.mjs', small, shape),
  'shared memory + postMessage': at('floor/shared-post.mjs', small, shape),
  'bare async-yield': at('floor/async-yield.mjs', small, shape),
});
const messagePeers = (options) => ({
  'postMessage clone': at('peers/clone.mjs', options),
  'postMessage transfer': at('peers/transfer.mjs', options),
  comlink: at('peers/comlink.mjs', options),
});
const best = ['Atomics.waitAsync', 'shared memory + postMessage'];

const inProcess = { as: 'process' };
const blockingBetweenProcesses = (shape) => ({
  ours: at('cases/handoff-blocking.mjs', inProcess, small, shape),
  futex: at('floor/futex-wait.mjs', small, shape),
  'bare spin-yield': at('floor/futex-yield.mjs', small, shape),
});
const asyncBetweenProcesses = (shape) => ({
  ours: at('cases/handoff-async.mjs', inProcess, small, shape),
  'shared memory + unix socket': at('floor/shared-socket.mjs', small, shape, { past: false }),
  'shared memory + byte past the stream': at('floor/shared-socket.mjs', small, shape, {
    past: true,
  }),
  'bare async-yield': at('floor/socket-yield.mjs', small, shape),
});
const bestSocket = ['shared memory + unix socket', 'shared memory + byte past the stream'];
const processPeers = (options) => ({
  'unix socket': at('peers/unix-socket.mjs', options, { onread: false }),
  'unix socket, reused buffer': at('peers/unix-socket.mjs', options, { onread: true }),
  zeromq: at('peers/zeromq.mjs', options),
  'child_process IPC': at('peers/ipc.mjs', options),
});
const frameToProcess = (size, rows) => {
  const options = { size, ...HOT };
  const ours = at('cases/frame-by-cpu-access.mjs', inProcess, options);
  return { placements: BOTH, cases: { ours, ...processPeers(options) }, rows };
};
const firstFrame = (from) => ({
  ours: at('cases/first-frame.mjs', small, { from }),
  'unix socket': at('peers/socket-first-frame.mjs', small, { from }),
});

const large = { size: FRAME, ...HOT };
const flow = (size) => ({ size, shape: 'pipelined', ms: 200 });
const channel = (size) => ({
  ours: at('cases/handoff-async.mjs', flow(size)),
  'bare async-yield': at('floor/async-yield.mjs', flow(size)),
  'postMessage clone': at('peers/clone.mjs', flow(size)),
  'postMessage transfer': at('peers/transfer.mjs', flow(size)),
});
const contended = (holdUs) => ({
  ours: at('cases/lock-contended.mjs', RACE, { holdUs }),
  'three-state mutex': at('floor/contend-mutex3.mjs', RACE, { holdUs }),
});
const wakeBlocking = (shape) => ({
  ours: at('cases/fence-wake.mjs', { blocking: true }, shape),
  'Atomics.wait + notify': at('floor/wake-wait.mjs', shape),
});
const wakeAsync = (shape) => ({
  ours: at('cases/fence-wake.mjs', { blocking: false }, shape),
  'Atomics.waitAsync + notify': at('floor/wake-wait-async.mjs', shape),
});

/** A young generation so large that no collection hides what was allocated. */
const ROOM_TO_GROW = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
const NO_LOST_UPDATE = { lost: { atMost: 0 } };
const FAIR = { share: { atLeast: 0.2 }, ...NO_LOST_UPDATE };
const HOT_WAKE = { 1: 0.85, 2: 1 / 25 };

const MAIN_JOB = {
  width: 1920,
  height: 1080,
  filter: 'blur',
  workers: 4,
  frames: 150,
  whole: true,
};
const mainJob = {
  ours: at('cases/main-job.mjs', MAIN_JOB, { mode: 'threads' }),
  'private memory': at('floor/private-pipeline.mjs', MAIN_JOB),
  'postMessage copies': at('cases/main-job.mjs', MAIN_JOB, { mode: 'copy' }),
};

export const experiments = [
  {
    placements: BOTH,
    cases: blockingHandoff(HOT),
    rows: [{ name: 'thread hand-off, blocking, hot', against: ['Atomics.wait'], limit: HOT_WAKE }],
  },
  {
    placements: BOTH,
    cases: blockingHandoff(ASLEEP),
    rows: [{ name: 'thread hand-off, blocking, asleep', against: ['Atomics.wait'], limit: 1.25 }],
  },
  {
    placements: BOTH,
    cases: { ...asyncHandoff(HOT), ...messagePeers({ ...small, ...HOT }) },
    rows: [{ name: 'thread hand-off, async, hot', against: best, limit: { 1: 0.5, 2: 1 / 20 } }],
  },
  {
    placements: BOTH,
    cases: asyncHandoff(ASLEEP),
    rows: [{ name: 'thread hand-off, async, asleep', against: best, limit: 1.1 }],
  },
  {
    placements: BOTH,
    cases: { ours: at('cases/frame-by-cpu-access.mjs', large), ...messagePeers(large) },
    rows: [
      { name: 'frame of 8.3 MB against comlink', against: ['comlink'], limit: 1 / 5 },
      { name: 'frame of 8.3 MB against clone', against: ['postMessage clone'], limit: 1 / 50 },
    ],
  },
  {
    placements: ONE,
    together: at('cases/lock-blocking.mjs', MICRO),
    rows: [{ name: 'lock + unlock alone, blocking', against: ['CAS + store'], limit: 3 }],
  },
  {
    placements: ONE,
    together: at('cases/lock-awaited.mjs', MICRO),
    rows: [
      {
        name: 'lock + unlock alone, awaited, against async-mutex',
        against: ['async-mutex'],
        limit: 1 / 8,
      },
      {
        name: 'lock + unlock alone, awaited, against async-lock',
        against: ['async-lock'],
        limit: 1 / 2,
      },
    ],
  },
  {
    placements: BOTH,
    cases: contended(5),
    rows: [
      {
        name: 'lock contended, 5 us hold',
        against: ['three-state mutex'],
        limit: 1.15,
        require: FAIR,
      },
    ],
  },
  {
    placements: BOTH,
    cases: contended(0),
    rows: [
      {
        name: 'lock contended, empty section',
        against: ['three-state mutex'],
        limit: 2,
        require: NO_LOST_UPDATE,
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/lock-tasks.mjs', MICRO),
    rows: [{ name: 'lock, 8 tasks in one thread', against: ['async-mutex'], limit: 1 / 4 }],
  },
  {
    placements: ONE,
    together: at('cases/lock-many.mjs', MICRO),
    rows: [{ name: 'lock of 8 buffers at once, blocking', against: ['8 x CAS + store'], limit: 4 }],
  },
  {
    placements: BOTH,
    cases: wakeBlocking(ASLEEP),
    rows: [
      {
        name: 'fence: signal to wake, blocking, parked',
        against: ['Atomics.wait + notify'],
        limit: 1.15,
      },
    ],
  },
  {
    placements: BOTH,
    cases: wakeBlocking(HOT),
    rows: [
      {
        name: 'fence: signal to wake, blocking, hot',
        against: ['Atomics.wait + notify'],
        limit: HOT_WAKE,
      },
    ],
  },
  {
    placements: BOTH,
    cases: wakeAsync(ASLEEP),
    rows: [
      {
        name: 'fence: signal to wake, async, parked',
        against: ['Atomics.waitAsync + notify'],
        limit: 1.15,
      },
    ],
  },
  {
    placements: BOTH,
    cases: wakeAsync(HOT),
    rows: [
      {
        name: 'fence: signal to wake, async, hot',
        against: ['Atomics.waitAsync + notify'],
        limit: HOT_WAKE,
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/fence-check.mjs', MICRO),
    rows: [{ name: 'fence: check', against: ['Atomics.load'], limit: 1.3 }],
  },
  {
    placements: ONE,
    together: at('cases/fence-signal.mjs', MICRO),
    rows: [{ name: 'fence: signal without waiter', against: ['Atomics.add + notify'], limit: 0.6 }],
  },
  {
    placements: BOTH,
    cases: {
      ours: at('cases/array-wake.mjs', HOT),
      '16 x Atomics.wait + notify': at('floor/wake-wait-all.mjs', HOT),
    },
    rows: [
      {
        name: 'wait on an array of 16, blocking, hot',
        against: ['16 x Atomics.wait + notify'],
        limit: 2,
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/chain-links.mjs', { flags: ROOM_TO_GROW }),
    rows: [
      {
        name: 'chain of 100 000 links, signalled in order and released, per link',
        against: ['chains of 10 000'],
        limit: 1.5,
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/sync-merge.mjs', MICRO, { points: 16 }),
    rows: [{ name: 'merge of two sync files', against: ['merge of two sorted arrays'], limit: 10 }],
  },
  {
    placements: ONE,
    together: at('cases/map-cached.mjs', MICRO, { flags: ROOM_TO_GROW }),
    rows: [
      {
        name: 'map + unmap of a cached attachment',
        against: ['Atomics.load'],
        limit: 10,
        require: { bytesPerOperation: { atMost: 1 } },
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/map-exporter.mjs', MICRO),
    rows: [
      {
        name: 'map + unmap through an exporter of one\u2019s own',
        against: ['plain function call'],
        limit: null,
      },
    ],
  },
  {
    placements: BOTH,
    cases: {
      ours: at('cases/map-remote.mjs', small, HOT),
      'hand-off and back': at('cases/handoff-async.mjs', small, HOT),
    },
    rows: [
      {
        name: 'map + unmap through an exporter in another thread',
        against: ['hand-off and back'],
        limit: 1.5,
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/attach-detach.mjs', MICRO),
    rows: [
      {
        name: 'attach + detach beside 1 000 other attachments',
        against: ['with 1 other'],
        limit: 1.2,
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/poll-many.mjs', MICRO),
    rows: [
      {
        name: 'poll of 1 000 buffers with one becoming ready',
        against: ['with 10 idle'],
        limit: 1.2,
      },
    ],
  },
  {
    placements: ONE,
    together: at('cases/alloc-free.mjs', MICRO),
    rows: [
      {
        name: 'alloc + free of one page with 60 000 alive',
        against: ['with 10 alive'],
        limit: 1.5,
        require: { ns: { atMost: 3000 } },
      },
    ],
  },
  {
    placements: BOTH,
    cases: channel(SMALL),
    rows: [
      { name: 'channel of 64 KiB frames, 4 in flight', against: ['bare async-yield'], limit: 2 },
    ],
  },
  {
    placements: BOTH,
    cases: channel(FRAME),
    rows: [
      { name: 'channel of 8.3 MB frames, 4 in flight', against: ['bare async-yield'], limit: 2 },
      {
        name: 'channel of 8.3 MB frames, 4 in flight, against clone',
        against: ['postMessage clone'],
        limit: 1 / 100,
      },
    ],
  },
  {
    placements: BOTH,
    cases: blockingBetweenProcesses(HOT),
    rows: [
      {
        name: 'process hand-off, blocking, hot',
        against: ['futex'],
        limit: { 1: 1.2, 2: 1 / 25 },
      },
    ],
  },
  {
    placements: BOTH,
    cases: blockingBetweenProcesses(ASLEEP),
    rows: [{ name: 'process hand-off, blocking, asleep', against: ['futex'], limit: null }],
  },
  {
    placements: BOTH,
    cases: asyncBetweenProcesses(HOT),
    rows: [
      {
        name: 'process hand-off, async, hot',
        against: bestSocket,
        limit: { 1: 1 / 2.5, 2: 1 / 20 },
      },
    ],
  },
  {
    placements: BOTH,
    cases: asyncBetweenProcesses(ASLEEP),
    rows: [{ name: 'process hand-off, async, asleep', against: bestSocket, limit: 1.1 }],
  },
  frameToProcess(SMALL, [
    { name: 'frame of 64 KiB to a process', against: ['unix socket, reused buffer'], limit: null },
  ]),
  frameToProcess(MIDDLE, [
    { name: 'frame of 1 MiB to a process', against: ['unix socket, reused buffer'], limit: null },
  ]),
  frameToProcess(FRAME, [
    {
      name: 'frame of 8.3 MB to a process against a unix socket',
      against: ['unix socket'],
      limit: 1 / 100,
    },
    {
      name: 'frame of 8.3 MB to a process against a unix socket, reused buffer',
      against: ['unix socket, reused buffer'],
      limit: 1 / 50,
    },
    {
      name: 'frame of 8.3 MB to a process against zeromq',
      against: ['zeromq'],
      limit: 1 / 50,
    },
    {
      name: 'frame of 8.3 MB to a process against child_process IPC',
      against: ['child_process IPC'],
      limit: 1 / 150,
    },
  ]),
  frameToProcess(ULTRA, [
    { name: 'frame of 33 MB to a process', against: ['unix socket, reused buffer'], limit: null },
  ]),
  {
    placements: BOTH,
    cases: {
      ours: at('cases/lock-contended.mjs', inProcess, RACE, { holdUs: 5 }),
      'three-state futex mutex': at('floor/contend-futex.mjs', RACE, { holdUs: 5 }),
    },
    rows: [
      {
        name: 'lock contended between processes, 5 us hold',
        against: ['three-state futex mutex'],
        limit: 1.15,
        require: FAIR,
      },
    ],
  },
  {
    placements: BOTH,
    cases: firstFrame('join'),
    rows: [
      {
        name: 'process: from joining to the first frame',
        against: ['unix socket'],
        limit: null,
        require: { ns: { atMost: 100e6 } },
      },
    ],
  },
  {
    placements: BOTH,
    cases: firstFrame('spawn'),
    rows: [
      {
        name: 'process: from spawning to the first frame',
        against: ['unix socket'],
        limit: null,
      },
    ],
  },
  {
    placements: BOTH,
    cases: {
      ours: at('cases/pass-descriptor.mjs', HOT),
      'child_process IPC': at('peers/ipc-handle.mjs', HOT),
    },
    rows: [
      {
        name: 'descriptor passed to a process',
        against: ['child_process IPC'],
        limit: null,
        require: { ns: { atMost: 100e3 } },
      },
    ],
  },
  {
    placements: BOTH,
    cases: mainJob,
    // A time 1/0.9 as long is 0.9 times the frames per second.
    rows: [{ name: 'main job 1080p, time per frame', against: ['private memory'], limit: 1 / 0.9 }],
  },
];
