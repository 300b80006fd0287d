// SPDX-License-Identifier: MIT
/** Scenes for exporters.test.ts: exporters that misbehave in callbacks, and importers that give up or die in calls. */
import { dieAsTold, hear, keep, play, say } from './actor.mjs';
import { openBoard } from './board.mjs';

/** Words of the tally: what each callback has been called, and the gate that blocked callbacks wait at. */
const WORDS = [
  'attach',
  'detach',
  'map',
  'unmap',
  'pin',
  'unpin',
  'beginCpuAccess',
  'endCpuAccess',
  'release',
  'gate',
];

/** Memory that the test looks at, also while one of the two is blocked. */
function tallyOf(domain, share) {
  const board = openBoard(domain, share);
  const at = (name) => WORDS.indexOf(name);
  return {
    count: (name) => void Atomics.add(board.words, at(name), 1),
    /** Blocks the event loop until the test opens the gate. */
    block: () => board.blockUntil(at('gate')),
    close: () => board.close(),
  };
}

/** What a callback may do before it ends, as told in `data.how`. */
function manners(domain, tally, attempt) {
  let goOn = () => {};
  const gate = new Promise((resolve) => {
    goOn = resolve;
  });
  return {
    goOn: () => goOn(),
    of: {
      returns: () => {},
      throws: () => {
        throw new RangeError('no lane');
      },
      'throws its own': () => domain.alloc(0),
      'never ends': () => gate,
      blocks: () => tally.block(),
      exits: () => process.exit(3),
      'throws later': async () => {
        setImmediate(() => {
          throw new Error('the callback threw later');
        });
        return new Promise(() => {});
      },
      'tries to wait': attempt,
    },
  };
}

function codeOf(attempt) {
  try {
    attempt();
    return 'none';
  } catch (error) {
    return error.code;
  }
}

/** Exports a buffer whose callback `data.which` behaves as `data.how` says, and counts them all. */
function exportBuffer(domain, data) {
  const { size = 4096, dynamic = false, which, how = 'returns', callTimeout } = data;
  const tally = tallyOf(domain, data.tally);
  const home = domain.alloc(size, { name: 'home' });
  const shared = (data.buffers ?? []).map((share) => domain.openSync(share));
  const attempt = () => {
    const [locked, owed, remote] = shared;
    say('codes', [
      codeOf(() => locked.resv.lockSync()),
      codeOf(() => owed.resv.waitSync('write')),
      codeOf(() => remote.attachSync('x')),
      codeOf(() => domain.lockAllSync([locked, owed])),
    ]);
  };
  const { goOn, of } = manners(domain, tally, attempt);
  const run = (name, outcome) => {
    tally.count(name);
    if (name !== which) return outcome;
    say('inside');
    const going = of[how]();
    return going === undefined || going?.then === undefined ? outcome : going.then(() => outcome);
  };
  const ops = {
    attach: () => run('attach'),
    detach: () => run('detach'),
    map: () => run('map', [{ of: home, offset: 0, length: size }]),
    unmap: () => run('unmap'),
    beginCpuAccess: () => run('beginCpuAccess'),
    endCpuAccess: () => run('endCpuAccess'),
    release() {
      tally.count('release');
      home.close();
    },
  };
  const pinning = { pin: () => run('pin'), unpin: () => run('unpin') };
  const info = { exporter: 'camera', name: 'exported', size, priv: null, ops };
  if (callTimeout !== undefined) info.callTimeout = callTimeout;
  const buf = dynamic
    ? domain.dynamicExport({ ...info, ops: { ...ops, ...pinning } })
    : domain.export(info);
  const close = async () => {
    buf.close();
    await domain.idle();
    for (const each of shared) each.close();
    tally.close();
  };
  return { buf, shared, goOn, close };
}

const importer = { moveNotify() {} };

/** One call to an exporter elsewhere. `limits`: what the caller is ready to wait. */
const calls = {
  attach: (buf, limits) => buf.attach('enc', limits),
  attachSync: (buf, limits) => buf.attachSync('enc', limits),
  cpuAccess: (buf, limits) => buf.cpuAccess('read', limits),
  cpuAccessSync: (buf, limits) => buf.cpuAccessSync('read', limits),
  map: async (buf, limits) => keep(await buf.attach('enc')).map('to-device', limits),
  mapSync: async (buf, limits) => keep(await buf.attach('enc')).mapSync('to-device', limits),
  async dynamicMap(buf, limits) {
    const att = keep(await buf.dynamicAttach('gpu', importer));
    const lock = keep(await buf.resv.lock());
    return att.map(lock, 'to-device', limits);
  },
  async dynamicMapSync(buf, limits) {
    const att = keep(await buf.dynamicAttach('gpu', importer));
    const lock = keep(await buf.resv.lock());
    return att.mapSync(lock, 'to-device', limits);
  },
  async pin(buf, limits) {
    const att = keep(await buf.dynamicAttach('gpu', importer));
    const lock = keep(await buf.resv.lock());
    return att.pin(lock, limits);
  },
};

await play({
  /** Exports; lives until it is told to end, or how to die. Told 'go on', callbacks that wait end. */
  async exporter(domain, data) {
    const { buf, shared, goOn, close } = exportBuffer(domain, data);
    say('ready', buf.share());
    for (;;) {
      const told = await hear();
      if (told === 'end') break;
      if (told === 'go on') goOn();
      else if (told.after !== undefined) {
        say('looking');
        while (!isBlocked(domain, told.after));
        buf.resv.lockSync().unlock();
      } else if (told === 'block') {
        say('blocking');
        shared[0].resv.lockSync().unlock();
      } else if (told === 'process.exit') process.exit(3);
      else if (told === 'throw') {
        setImmediate(() => {
          throw new Error('the exporter was told to throw');
        });
      }
    }
    await close();
  },

  /** Calls an exporter elsewhere, and dies in the call, as it is told. */
  async importer(domain, { call, share }) {
    const buf = keep(domain.openSync(share));
    const asking = calls[call](buf);
    asking?.catch?.(() => {});
    say('asked');
    await dieAsTold();
  },

  /** Calls, and gives up after a moment, longer each time it is told to do it again; then leaves in order. */
  async impatient(domain, { call, share, timeout }) {
    const buf = domain.openSync(share);
    for (let patience = timeout; ; patience *= 2) {
      try {
        await calls[call](buf, { timeout: patience });
        say('outcome', 'done');
      } catch (error) {
        say('outcome', error.code);
      }
      if ((await hear()) !== 'again') break;
    }
    buf.close();
  },

  /** Exports a buffer, attaches the one of the other, and maps it whenever it is told, blocking. */
  async neighbour(domain, data) {
    const { buf, close } = exportBuffer(domain, data);
    say('ready', buf.share());
    const other = domain.openSync(await hear());
    const att = await other.attach('neighbour');
    say('attached');
    for (let told = await hear(); told !== 'end'; told = await hear()) {
      if (told.after !== undefined) {
        const early = await att.map('to-device');
        say('looking');
        // From here on this event loop does not turn.
        while (!isBlocked(domain, told.after));
        // Goes out behind when the thread blocks, and is no part of the circle.
        early.unmap();
      }
      try {
        att.mapSync('to-device').unmap();
        say('outcome', 'mapped');
      } catch (error) {
        say('outcome', error.code);
      }
    }
    await att.detach();
    other.close();
    say('detached');
    await hear();
    await close();
  },
});

function isBlocked(domain, name) {
  return domain.snapshot().members.some((member) => member.name === name && member.waitingFor);
}
