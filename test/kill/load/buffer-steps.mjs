// SPDX-License-Identifier: MIT
// @ts-check
/** Steps on buffers: allocate, attach, map, pin, export, and import what others export. */
import { setImmediate as turn } from 'node:timers/promises';
import { CAMERA } from './load.mjs';
import { fill, wrongPlace } from './pattern.mjs';
import { scoped } from './scope.mjs';

/** @import {DmaBuf} from 'dmabuf' */
/** @import {Load} from './load.mjs' */

const LARGE = 2 ** 20;
const importer = { moveNotify: () => undefined };

/** Memory that was somebody's is zeroed, and nobody else's while it is ours. @param {Load} load */
export function alloc(load) {
  return scoped(async (own) => {
    const size = load.choose(8) === 0 ? LARGE + load.choose(LARGE) : 1 + load.choose(5 * 4096);
    const buf = own(load.domain.alloc(size - (size % 4) + 4));
    const cpu = own(buf.cpuAccessSync('write', load.wait));
    const words = cpu.as(Int32Array);
    const place = words.findIndex((word) => word !== 0);
    if (place >= 0) load.found('corruption', `a fresh buffer has ${words[place]} at word ${place}`);
    const tag = load.choose(2 ** 30);
    fill(words, tag);
    load.point();
    if (load.choose(2) === 0) await turn();
    const wrong = wrongPlace(words, tag);
    if (wrong >= 0) load.found('corruption', `word ${wrong} of our own buffer is ${words[wrong]}`);
  });
}

/** @param {Load} load */
export function attach(load) {
  return scoped(async (own) => {
    const attachment = own(await load.any(load.records).buf.attach('load', load.wait));
    const mapping = own(await attachment.map('to-device', load.wait));
    load.point();
    if (load.choose(2) === 0) await turn();
    mapping.unmap();
    await attachment.detach();
  });
}

/** @param {Load} load */
export function attachDynamic(load) {
  return scoped(async (own) => {
    const { buf } = load.any(load.records);
    const attachment = own(await buf.dynamicAttach('load', importer, load.wait));
    const lock = own(await buf.resv.lock({ recover: true, ...load.wait }));
    if (lock.ownerDied) return;
    const mapping = await attachment.map(lock, 'bidirectional', load.wait);
    const pin = await attachment.pin(lock, load.wait);
    load.point();
    await turn();
    pin.unpin(lock);
    mapping.unmap(lock);
  });
}

/** Of an exporter in another agent, by calls. @param {Load} load */
export const film = (load) => importFrom(load, load.camera, CAMERA.tag);

/** Exports a buffer to whoever hears of it first. @param {Load} load */
export function exportOne(load) {
  return scoped(async (own) => {
    const size = 4096;
    const home = load.domain.alloc(size, { name: 'home' });
    const tag = load.choose(2 ** 30);
    const cpu = home.cpuAccessSync('write', load.wait);
    fill(cpu.as(Int32Array), tag);
    cpu.end();
    const ops = {
      map: () => [{ of: home, offset: 0, length: size }],
      unmap: () => undefined,
      release: () => home.close(),
    };
    const buf = own(load.domain.export({ exporter: 'load', size, priv: null, ops }));
    load.point();
    load.exports.trySend(buf, { tag });
  });
}

/** @param {Load} load */
export function importOne(load) {
  return scoped(async (own) => {
    const job = load.exports.tryReceive();
    if (job === null) return;
    own(job);
    await importFrom(load, job.buf, job.tag);
    job.done();
  });
}

function importFrom(
  /** @type {Load} */ load,
  /** @type {DmaBuf} */ buf,
  /** @type {number} */ tag,
) {
  return scoped(async (own) => {
    const attachment = own(await buf.attach('lens', load.wait));
    load.point();
    const mapping = own(await attachment.map('to-device', load.wait));
    const words = mapping.as(Int32Array);
    const place = wrongPlace(words, tag);
    if (place >= 0) load.found('corruption', `word ${place} of an export is ${words[place]}`);
    mapping.unmap();
    await attachment.detach();
  });
}
