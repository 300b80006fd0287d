// SPDX-License-Identifier: MIT
/**
 * broker/place — where a domain is found: a socket in a directory that nobody else can write to.
 *
 * Who can write to the directory could put a socket of his own in place of ours, so such a directory is refused. A socket that is
 * there may be what a dead broker left, or lead to a domain that lives: connecting tells. Nothing is ever bound at the path itself: it
 * is bound under another name in the directory, then linked or renamed, so that who connects reaches a broker that listens.
 *
 *    open ── nothing there ──────────────────▶ link (of two who do that at once, one wins)
 *         ── a dead one: out of the way ────▶ link
 *         ── one that lives ──▶ EBUSY
 *    succeed ── who lives there? nobody ──▶ rename over it: only one at a time may try, which the arena decides
 *
 * The end removes what is still ours, the end of the process, too, unless it is killed. A broker that leaves does so before it lets a
 * successor take over. What a killed one left in a directory of its own, the next one that makes such a directory removes.
 */

import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DmaBufError, ERROR_CODES, fail } from '../../errors.js';
import { checkPath, PacketListener, PacketSocket } from '../linux/packet-socket.js';

const OP = 'Domain.create';
/** Of the directory: others can do nothing there, or reach the socket by its name. */
const OURS = 0o700;
const REACHABLE = 0o711;
/** Who may connect: the broker asks for the user id in any case. */
const SOCKET_OURS = 0o600;
const SOCKET_REACHABLE = 0o666;
const WRITABLE_BY_OTHERS = 0o022;
/** Directories of domains that were given no path: this, and six letters or digits. */
const FRESH = 'dmabuf-';
const IS_FRESH = /^dmabuf-[A-Za-z0-9]{6}$/;
/** The socket in them. */
const SOCKET = 'domain';
/** Milliseconds in which a directory without a socket is left alone. */
const ABOUT_TO_LISTEN = 60_000;
/** Directories that one looks at, of those that others may have left. */
const MOST_SWEPT = 64;
/** Names under which sockets are made begin with this. */
const SCRATCH = '.dmabuf-';

export interface PlaceOptions {
  /** Users besides our own may reach it. */
  readonly others: boolean;
}

/** Places of which there is something to remove. */
const standing = new Set<Place>();

function closeStanding(): void {
  for (const place of standing) place.close();
}

interface FoundOptions extends PlaceOptions {
  /** The directory was made for this domain alone. */
  readonly fresh: boolean;
  /** Id of the user who made the domain: his processes serve it, and nobody else's. */
  readonly owner: number;
}

export class Place {
  /** Of the socket: absolute. */
  readonly path: string;
  /** No other process is in the domain. */
  isLast: () => boolean = () => true;
  readonly #others: boolean;
  /** Its directory was made for this domain alone. */
  readonly #fresh: boolean;
  /** Whose it is. */
  readonly owner: number;
  /** Inode of our socket; 0: there is none. */
  #inode = 0;

  private constructor(socket: string, others: boolean, fresh: boolean, owner: number) {
    this.path = socket;
    this.#others = others;
    this.#fresh = fresh;
    this.owner = owner;
  }

  /**
   * A place for a new domain. `true`: in a directory of its own, which the end removes. Else at this path, whose last directory is
   * made when it is missing.
   * @throws EACCES others can write to the directory, or it is not ours · ENOENT there is none above it · ENAMETOOLONG
   */
  static at(where: string | true, { others }: PlaceOptions): Place {
    if (where !== true) {
      const given = path.resolve(where);
      checkPaths(given);
      checkDirectory(path.dirname(given), others);
      return new Place(given, others, false, ourselves());
    }
    const fresh = path.join(freshDirectory(others), SOCKET);
    checkPaths(fresh);
    const place = new Place(fresh, others, true, ourselves());
    place.#stand();
    return place;
  }

  /** Where a domain is found already, to succeed its broker. */
  static of(socket: string, { others, fresh, owner }: FoundOptions): Place {
    return new Place(path.resolve(socket), others, fresh, owner);
  }

  #stand(): void {
    if (standing.size === 0) process.on('exit', closeStanding);
    standing.add(this);
  }

  /** Listens here, as a new domain. @throws EBUSY a domain lives here · EEXIST there is something else · EACCES */
  open(): PacketListener {
    return inFiles(this.path, () => {
      this.#clear();
      return this.#bind((made) => {
        linkSync(made, this.path);
        unlinkSync(made);
      });
    });
  }

  /** Listens here, in place of a broker that has ended. @throws EBUSY another domain lives here now · EACCES it is not ours */
  succeed(): PacketListener {
    return inFiles(this.path, () => {
      if (this.owner !== ourselves())
        throw fail('EACCES', OP, { path: this.path }, { why: 'only its own user serves a domain' });
      // The one before may have removed it.
      checkDirectory(path.dirname(this.path), this.#others);
      if (isAlive(this.path)) throw taken(this.path);
      return this.#bind((made) => renameSync(made, this.path));
    });
  }

  /** Puts what a dead broker left out of the way. */
  #clear(): void {
    const found = statOf(this.path);
    if (found === null) return;
    if (!found.isSocket()) {
      const why = 'there is something else at this path: choose another one, or remove it';
      throw fail('EEXIST', OP, { path: this.path }, { why });
    }
    if (isAlive(this.path)) throw taken(this.path);
    const aside = scratch(this.path);
    renameSync(this.path, aside);
    try {
      if (!isAlive(aside)) return;
      // Somebody has begun to listen there since we looked.
      linkSync(aside, this.path);
      throw taken(this.path);
    } finally {
      unlinkSync(aside);
    }
  }

  #bind(publish: (made: string) => void): PacketListener {
    const made = scratch(this.path);
    const listener = PacketListener.bind(made);
    try {
      chmodSync(made, this.#others ? SOCKET_REACHABLE : SOCKET_OURS);
      this.#inode = lstatSync(made).ino;
      publish(made);
      this.#stand();
      return listener;
    } catch (error) {
      this.#inode = 0;
      listener.close();
      rmSync(made, { force: true });
      // Of two that begin at once, one comes second.
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? taken(this.path) : error;
    }
  }

  /**
   * Removes what is still ours, and with the last member the directory that was made for this domain: in a place that all users share,
   * somebody else could make it again, and keep the others out.
   */
  close(): void {
    if (this.#inode !== 0 && statOf(this.path)?.ino === this.#inode)
      rmSync(this.path, { force: true });
    this.#inode = 0;
    if (this.#fresh && this.isLast()) removeIfEmpty(path.dirname(this.path));
    if (standing.delete(this) && standing.size === 0) process.off('exit', closeStanding);
  }
}

/** Id of the user that this process acts for. */
function ourselves(): number {
  return process.geteuid?.() ?? -1;
}

/** In the user's own run-time directory, where there is one, and where others cannot reach it anyway; else a temporary one. */
function freshDirectory(others: boolean): string {
  const { XDG_RUNTIME_DIR: own } = process.env;
  const base = !others && own !== undefined && isOurDirectory(own) ? own : tmpdir();
  return inFiles(base, () => {
    sweep(base);
    const made = mkdtempSync(path.join(base, FRESH));
    if (others) chmodSync(made, REACHABLE);
    return made;
  });
}

/** Removes directories of ours in which nobody listens any more. Who succeeds a broker makes its own again. */
function sweep(base: string): void {
  const left = readdirSync(base).filter((name) => IS_FRESH.test(name));
  for (const name of left.slice(0, MOST_SWEPT)) {
    try {
      sweepOne(path.join(base, name));
    } catch {
      // Somebody else was faster, or it is just being made.
    }
  }
}

function sweepOne(directory: string): void {
  // What is ours nobody else can put something else in place of, in a temporary directory that all share.
  const found = lstatSync(directory);
  const socket = path.join(directory, SOCKET);
  if (found.uid !== ourselves() || !found.isDirectory()) return;
  const there = statOf(socket);
  if (there === null) {
    // Nobody has begun to listen there, or one who did has left last: not just now, or somebody is about to.
    if (Date.now() - found.mtimeMs > ABOUT_TO_LISTEN) rmdirSync(directory);
    return;
  }
  if (!there.isSocket() || isAlive(socket)) return;
  const aside = scratch(socket);
  renameSync(socket, aside);
  // A successor may have begun to listen there since we looked.
  if (isAlive(aside)) linkSync(aside, socket);
  unlinkSync(aside);
  rmdirSync(directory);
}

/** Of the socket, and of those that it is made as. */
function checkPaths(socket: string): void {
  checkPath(OP, socket);
  checkPath(OP, scratch(socket));
}

function scratch(socket: string): string {
  return path.join(path.dirname(socket), SCRATCH + randomBytes(4).toString('hex'));
}

function checkDirectory(directory: string, others: boolean): void {
  inFiles(directory, () => {
    const found = statSync(directory, { throwIfNoEntry: false });
    if (found !== undefined) return checkOwner(directory, found);
    mkdirSync(directory, { mode: OURS });
    if (others) chmodSync(directory, REACHABLE);
  });
}

function checkOwner(directory: string, { mode, uid }: Stats): void {
  const at = { directory, mode: (mode & 0o777).toString(8), uid };
  const refuse = (why: string): Error => fail('EACCES', OP, at, { why });
  if (uid !== ourselves())
    throw refuse('the directory belongs to somebody else: choose one of your own');
  if ((mode & WRITABLE_BY_OTHERS) !== 0)
    throw refuse(
      'others can write to the directory, and put a domain of theirs in place of this one: choose one that only you can write to (chmod go-w)',
    );
}

/** Whoever became another user has that one's in the environment. */
function isOurDirectory(name: string): boolean {
  const found = statSync(name, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === ourselves();
}

function statOf(file: string): Stats | null {
  return lstatSync(file, { throwIfNoEntry: false }) ?? null;
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // A successor's socket is in it, or somebody has removed it.
  }
}

/** Somebody listens there. */
function isAlive(socket: string): boolean {
  try {
    PacketSocket.connect(socket).close();
    return true;
  } catch (error) {
    if (DmaBufError.is(error, 'ENOENT')) return false;
    // Too many want to connect, to somebody who listens.
    if (DmaBufError.is(error, 'EBUSY')) return true;
    throw error;
  }
}

function taken(socket: string): DmaBufError {
  const why = `a domain lives at this path: Domain.join(${JSON.stringify(socket)})`;
  return fail('EBUSY', OP, { path: socket }, { why });
}

/** What the file system refuses, as an error of ours. */
function inFiles<T>(name: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (DmaBufError.is(cause)) throw cause;
    const { code, message, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    const known = ERROR_CODES.find((each) => each === code) ?? 'EACCES';
    throw fail(known, OP, { path: name }, { why: message, cause });
  }
}
