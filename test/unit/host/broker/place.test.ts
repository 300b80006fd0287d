// SPDX-License-Identifier: MIT
/** Where a domain is found: a socket in a directory that nobody else can write to. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Place } from '../../../../src/host/broker/place.js';
import { type PacketListener, PacketSocket } from '../../../../src/host/linux/packet-socket.js';
import { type Rig, rigs, start, until } from './rig.js';

const rig = rigs();
const alone = { others: false };

const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);

/** A domain there, until the test is over. */
function open(at: Rig, place: Place): PacketListener {
  const listener = place.open();
  at.later(() => {
    listener.close();
    place.close();
  });
  return listener;
}

describe('a place of its own', () => {
  it('is a directory for this user alone, and gone at the end', () => {
    const place = Place.at(true, alone);
    const listener = place.open();
    const directory = path.dirname(place.path);
    expect([mode(directory), mode(place.path)]).toEqual(['700', '600']);
    PacketSocket.connect(place.path).close();
    listener.close();
    place.close();
    expect(existsSync(directory)).toBe(false);
  });

  it('that a killed broker has left is removed by the next, and one that lives is not', () => {
    const [dead, alive] = [Place.at(true, alone), Place.at(true, alone)];
    dead.open().close();
    open(rig(), alive);
    const next = Place.at(true, alone);
    expect([dead, alive].map((place) => existsSync(place.path))).toEqual([false, true]);
    for (const place of [dead, next]) place.close();
    expect(existsSync(path.dirname(next.path))).toBe(false);
  });

  it.each(['natural', 'exit', 'throw'])('is gone when its process ends: %s', async (how) => {
    const { child, first } = await start(rig(), 'placed.mjs', [how]);
    const { place } = first as { readonly place: string };
    expect(path.basename(place)).toBe('domain');
    await until(() => child.exitCode !== null);
    expect(existsSync(path.dirname(place))).toBe(false);
  });

  it.runIf(process.geteuid?.() === 0)(
    'is not in the run-time directory of somebody else, whose environment was kept',
    () => {
      const { XDG_RUNTIME_DIR: before } = process.env;
      const foreign = path.join(rig().directory, 'foreign');
      mkdirSync(foreign);
      chownSync(foreign, 65534, 65534);
      process.env['XDG_RUNTIME_DIR'] = foreign;
      try {
        const place = Place.at(true, alone);
        place.close();
        expect(place.path.startsWith(foreign)).toBe(false);
      } finally {
        if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
        else process.env['XDG_RUNTIME_DIR'] = before;
      }
    },
  );

  it('can be reached by others, not read or written, when there are to be others', () => {
    const place = Place.at(true, { others: true });
    open(rig(), place);
    expect([mode(path.dirname(place.path)), mode(place.path)]).toEqual(['711', '666']);
  });
});

describe('a path', () => {
  it('gets its directory made, for this user alone', () => {
    const place = Place.at(path.join(rig().directory, 'made', 'domain'), alone);
    open(rig(), place);
    expect(mode(path.join(rig().directory, 'made'))).toBe('700');
    expect(readdirSync(path.join(rig().directory, 'made'))).toEqual(['domain']);
  });

  it('gets its directory made so that others reach it, when there are to be others', () => {
    const place = Place.at(path.join(rig().directory, 'made', 'domain'), { others: true });
    open(rig(), place);
    expect(mode(path.join(rig().directory, 'made'))).toBe('711');
  });

  it('below a directory that there is not is refused', () => {
    const lost = path.join(rig().directory, 'not', 'there', 'domain');
    expect(() => Place.at(lost, alone)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('in a directory that others can write to is refused, and says what to do', () => {
    chmodSync(rig().directory, 0o770);
    expect(() => Place.at(rig().path, alone)).toThrow(/^EACCES: Domain.create: .*chmod go-w/);
  });

  it.runIf(process.geteuid?.() === 0)('in a directory of somebody else is refused', () => {
    chownSync(rig().directory, 65_534, 65_534);
    expect(() => Place.at(rig().path, alone)).toThrow(/^EACCES: .*belongs to somebody else/);
  });

  it('that is too long for a socket is refused, before anything is made', () => {
    const long = path.join(rig().directory, 'd', 'x'.repeat(107));
    expect(() => Place.at(long, alone)).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }));
    expect(existsSync(path.dirname(long))).toBe(false);
  });

  it('that holds a zero byte is refused', () => {
    const wrong = `${rig().path}\0more`;
    expect(() => Place.at(wrong, alone)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('at which a domain lives is refused, and says how to join', () => {
    open(rig(), Place.at(rig().path, alone));
    const second = Place.at(rig().path, alone);
    expect(() => second.open()).toThrow(/^EBUSY: .*a domain lives at this path: Domain\.join\(/);
    second.close();
    PacketSocket.connect(rig().path).close();
  });

  it('at which a dead broker has left its socket is taken', () => {
    // Its file stays.
    Place.at(rig().path, alone).open().close();
    open(rig(), Place.at(rig().path, alone));
    PacketSocket.connect(rig().path).close();
    expect(readdirSync(rig().directory)).toEqual(['domain']);
  });

  it('at which there is something else is refused, and that stays', () => {
    writeFileSync(rig().path, 'mine');
    const place = Place.at(rig().path, alone);
    expect(() => place.open()).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    mkdirSync(path.join(rig().directory, 'directory'));
    const directory = Place.at(path.join(rig().directory, 'directory'), alone);
    expect(() => directory.open()).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(readdirSync(rig().directory).toSorted()).toEqual(['directory', 'domain']);
  });
});

describe('a successor', () => {
  const successor = (): Place =>
    Place.of(rig().path, { ...alone, fresh: false, owner: process.geteuid?.() ?? -1 });

  it('takes the place of a dead broker', () => {
    Place.at(rig().path, alone).open().close();
    const place = successor();
    const listener = place.succeed();
    PacketSocket.connect(rig().path).close();
    expect(readdirSync(rig().directory)).toEqual(['domain']);
    listener.close();
    place.close();
    expect(readdirSync(rig().directory)).toEqual([]);
  });

  it('takes the place of one that has left, with its directory', () => {
    const before = Place.at(true, alone);
    before.open().close();
    before.close();
    const place = Place.of(before.path, {
      ...alone,
      fresh: true,
      owner: process.geteuid?.() ?? -1,
    });
    const listener = place.succeed();
    expect(mode(path.dirname(before.path))).toBe('700');
    PacketSocket.connect(before.path).close();
    listener.close();
    place.close();
    expect(existsSync(path.dirname(before.path))).toBe(false);
  });

  it('finds the directory of a broker that has left, and still nobody else can be in it', () => {
    const before = Place.at(true, alone);
    const directory = path.dirname(before.path);
    before.isLast = () => false;
    before.open().close();
    before.close();
    expect(readdirSync(directory)).toEqual([]);
    const found = { ...alone, fresh: true, owner: process.geteuid?.() ?? -1 };
    const place = Place.of(before.path, found);
    place.succeed().close();
    place.close();
    expect(existsSync(directory)).toBe(false);
  });

  it('has its empty directory for a while: the next domain removes it when it is old', () => {
    const [young, old] = [Place.at(true, alone), Place.at(true, alone)];
    const [kept, swept] = [path.dirname(young.path), path.dirname(old.path)];
    utimesSync(swept, 0, 0);
    const next = Place.at(true, alone);
    expect([existsSync(kept), existsSync(swept)]).toEqual([true, false]);
    for (const place of [young, next]) place.close();
    expect(existsSync(kept)).toBe(false);
  });

  it('leaves another domain alone that lives there by now', () => {
    open(rig(), Place.at(rig().path, alone));
    expect(() => successor().succeed()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    PacketSocket.connect(rig().path).close();
  });

  it('of another user than made the domain takes nothing', () => {
    Place.at(rig().path, { others: true }).open().close();
    const place = Place.of(rig().path, { others: true, fresh: false, owner: 65_534 });
    expect(() => place.succeed()).toThrow(/^EACCES: .*only its own user/);
  });

  it('keeps its socket when the one before closes late', () => {
    const before = Place.at(rig().path, alone);
    before.open().close();
    const place = successor();
    const listener = place.succeed();
    before.close();
    PacketSocket.connect(rig().path).close();
    listener.close();
    place.close();
  });
});
