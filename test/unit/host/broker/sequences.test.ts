// SPDX-License-Identifier: MIT
/**
 * Any order of messages from several peers, right ones and wrong ones: each is answered as its turn says, a wrong one ends that peer and
 * nobody else, and in the end nothing is left. And bytes that are nearly messages (test/fuzz), some of them.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { identityOf } from '../../../../src/host/broker/identity.js';
import { decode, type Message, type Station } from '../../../../src/host/broker/messages.js';
import { closeDescriptor } from '../../../../src/host/linux/descriptors.js';
import { fc } from '../../properties.js';
import { ARENA, type Host, hello, type Raw, type Rig, rigs, serve, turn, until } from './rig.js';

const rig = rigs();

const STEPS = [
  'hello',
  'hello without a bell',
  'hello of somebody else',
  'again',
  'again in another domain',
  'publish',
  'publish without a file',
  'publish a wrong file',
  'withdraw',
  'fetch',
  'bye',
  'hang up',
  'what a broker says',
  'noise',
] as const;
const PEERS = 3;
const KEYS = 2;

interface Step {
  readonly peer: number;
  readonly does: (typeof STEPS)[number];
  readonly row: number;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  peer: fc.nat(PEERS - 1),
  does: fc.oneof(
    { weight: 4, arbitrary: fc.constant('hello' as const) },
    fc.constantFrom(...STEPS),
  ),
  row: fc.nat(KEYS - 1),
});

/** A peer, as it should be. */
interface Peer {
  raw: Raw | null;
  /** null: the broker does not know yet who it is. */
  station: Station | null;
  /** The station of a connection that has ended without a word. */
  lost: Station | null;
}

type Heard = Message['type'] | 'closed';

/** The broker, and what should be so. */
class Stage {
  readonly host: Host;
  readonly #peers: Peer[] = Array.from({ length: PEERS }, () => ({
    raw: null,
    station: null,
    lost: null,
  }));
  /** By row: the station of who has published it. */
  readonly #published = new Map<number, Station | null>();
  readonly #memory: number;
  readonly #wrong: number;
  readonly #bell: number;

  constructor(readonly at: Rig) {
    this.host = serve(at);
    this.#memory = at.memory(ARENA).descriptor;
    this.#wrong = at.memory(2 * ARENA).descriptor;
    this.#bell = at.bell();
  }

  #peer(n: number): Peer & { raw: Raw } {
    const peer = this.#peers[n] as Peer;
    peer.raw ??= this.at.dial();
    return peer as Peer & { raw: Raw };
  }

  async step({ peer: n, does, row }: Step): Promise<void> {
    const peer = this.#peer(n);
    const { raw } = peer;
    const isMember = peer.station !== null;
    const key = { row, generation: 1 };
    switch (does) {
      case 'hello':
        raw.say(hello(), [this.#bell]);
        if (isMember) return this.#isCutOff(peer);
        return this.#isWelcome(peer);
      case 'hello without a bell':
        raw.say(hello());
        return this.#isCutOff(peer);
      case 'hello of somebody else':
        raw.say(hello({ pid: 1 }), [this.#bell]);
        return this.#isCutOff(peer);
      case 'again':
        return this.#again(peer);
      case 'again in another domain':
        raw.say(hello({ again: true, station: peer.lost ?? this.host.bell.station }), [this.#bell]);
        return this.#isCutOff(peer);
      case 'publish':
        raw.say({ type: 'PUBLISH', request: 1, key, bytes: ARENA }, [this.#memory]);
        if (!isMember) return this.#isCutOff(peer);
        expect(await this.#hear(raw)).toBe(this.#published.has(row) ? 'FAILED' : 'DONE');
        if (!this.#published.has(row)) this.#published.set(row, peer.station);
        return undefined;
      case 'publish without a file':
        raw.say({ type: 'PUBLISH', request: 1, key, bytes: ARENA });
        return this.#isCutOff(peer);
      case 'publish a wrong file':
        raw.say({ type: 'PUBLISH', request: 1, key, bytes: ARENA }, [this.#wrong]);
        return this.#isCutOff(peer);
      case 'withdraw':
        raw.say({ type: 'WITHDRAW', key });
        if (!isMember) return this.#isCutOff(peer);
        this.#published.delete(row);
        // It is not answered: what comes next is.
        raw.say({ type: 'FETCH', request: 1, key });
        expect(await this.#hear(raw)).toBe('FAILED');
        return undefined;
      case 'fetch':
        raw.say({ type: 'FETCH', request: 1, key });
        // Our process is that of the broker: its threads may ask without saying hello.
        expect(await this.#hear(raw)).toBe(this.#published.has(row) ? 'MEMORY' : 'FAILED');
        return undefined;
      case 'bye':
        return this.#bye(peer);
      case 'hang up':
        return this.#hangUp(peer);
      case 'what a broker says':
        raw.say({ type: 'DONE', request: 1 });
        return this.#isCutOff(peer);
      case 'noise':
        raw.socket.send(Uint8Array.from([row]), [this.#bell, this.#memory]);
        return this.#isCutOff(peer);
    }
  }

  async #again(peer: Peer & { raw: Raw }): Promise<void> {
    const { station, lost, raw } = peer;
    const arena = identityOf(this.host.arena.descriptor);
    raw.say(hello({ again: true, station: lost ?? { station: 9, life: 1 }, arena }), [this.#bell]);
    if (station !== null || lost === null) return this.#isCutOff(peer);
    await this.#isWelcome(peer);
    expect(peer.station).toEqual(lost);
    peer.lost = null;
  }

  async #bye(peer: Peer & { raw: Raw }): Promise<void> {
    const { station, raw } = peer;
    raw.say({ type: 'BYE' });
    if (station === null) return this.#isCutOff(peer);
    expect(await this.#hear(raw)).toBe('closed');
    expect(this.host.gone.at(-1)).toEqual(station);
    for (const [row, owner] of this.#published)
      if (owner?.station === station.station) this.#published.delete(row);
    this.#forget(peer);
  }

  async #hangUp(peer: Peer & { raw: Raw }): Promise<void> {
    const before = this.host.server.peers;
    const { station } = peer;
    peer.raw.close();
    this.#forget(peer);
    if (station === null) return;
    peer.lost = station;
    await until(() => this.host.server.peers < before);
  }

  async #isWelcome(peer: Peer & { raw: Raw }): Promise<void> {
    expect(await this.#hear(peer.raw)).toBe('WELCOME');
    peer.station = this.host.joined.at(-1)?.station ?? null;
  }

  /** It is told why, and keeps its station, if it had one. */
  async #isCutOff(peer: Peer & { raw: Raw }): Promise<void> {
    const { station, raw } = peer;
    const gone = this.host.gone.length;
    expect(await this.#hear(raw)).toBe('REFUSED');
    expect(await this.#hear(raw)).toBe('closed');
    expect(this.host.gone).toHaveLength(gone);
    this.#forget(peer);
    peer.lost = station ?? peer.lost;
  }

  #forget(peer: Peer): void {
    peer.raw?.close();
    peer.raw = null;
    peer.station = null;
  }

  /** The next thing that is not about others. */
  async #hear(raw: Raw): Promise<Heard> {
    for (;;) {
      const packet = await raw.hear();
      if (packet === 'closed') return packet;
      for (const descriptor of packet.descriptors) closeDescriptor(descriptor);
      const { type } = decode(packet.payload, packet.descriptors.length);
      if (type !== 'JOINED' && type !== 'LEFT') return type;
    }
  }

  /** Whoever has a connection is a member, and nobody else. */
  check(): void {
    const members = this.#peers.filter(({ station }) => station !== null).length;
    expect(this.host.server.peers).toBe(members);
  }

  async end(): Promise<void> {
    for (const peer of this.#peers) this.#forget(peer);
    await turn();
    this.host.server.close();
  }
}

it('any order of messages from any peers is answered, and leaves nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      const stage = new Stage(rig());
      for (const step of steps) {
        await stage.step(step);
        stage.check();
      }
      await stage.end();
      await rig().clear();
    }),
    { numRuns: 60 },
  );
});

it('bytes that are nearly messages, some thousands of them, do no harm', async () => {
  const fuzz = fileURLToPath(new URL('../../../fuzz/main.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    fuzz,
    '--messages',
    '4000',
    '--json',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ messages: 4000, leakedFds: 0 });
});
