// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { type DmaBuf, openShare } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import { dynamicExport, importer, staticExport } from './exporters.js';
import { nth, type Rig, type Rigs, rejected, rigs } from './rig.js';

function passed(buf: DmaBuf, to: Rig): DmaBuf {
  return openShare(to.buffers, 'Domain.open', buf.share());
}

/** Agents whose event loops turn. */
function turning(count: number): Rigs {
  const all = rigs(count);
  for (const { agent } of all.rigs) agent.listen();
  return all;
}

describe('an importer in another agent', () => {
  it('attaches, maps and unmaps by the callbacks of the exporter, without the lock', async () => {
    const all = turning(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf, calls } = staticExport(a);
    const there = passed(buf, b);
    const att = await there.attach('enc');
    const map = await att.map('to-device');
    map.bytes[0] = 7;
    expect(map.bytes.length).toBe(100);
    map.unmap();
    await att.detach();
    expect(calls).toEqual([
      'attach enc -',
      'map enc to-device -',
      'unmap enc to-device -',
      'detach enc -',
    ]);
    using cpu = await buf.priv.home.cpuAccess('read');
    expect(cpu.bytes[0]).toBe(7);
  });

  it('dynamic, with its own lock shown to the callbacks', async () => {
    const all = turning(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf, calls } = dynamicExport(a);
    const there = passed(buf, b);
    const att = await there.dynamicAttach('gpu', importer());
    {
      using lock = await there.resv.lock();
      const map = await att.map(lock, 'bidirectional');
      expect(map.bytes.length).toBe(100);
      expect(lock.held).toBe(true);
      map.unmap(lock);
    }
    await att.detach();
    expect(calls).toEqual([
      'attach gpu -',
      'map gpu bidirectional lock +',
      'unmap gpu bidirectional lock +',
      'detach gpu -',
    ]);
    expect(buf.resv.locked).toBe(false);
    expect(a.agent.held).toBe(0);
    expect(b.agent.held).toBe(0);
  });

  it('gets the error of a callback as it was thrown', async () => {
    const all = turning(2);
    const { buf, failing } = staticExport(nth(all, 0));
    failing.set('attach', fail('EBUSY', 'camera', { device: 'enc' }, { why: 'out of reach' }));
    const there = passed(buf, nth(all, 1));
    expect(await rejected(there.attach('enc'))).toMatchObject({
      code: 'EBUSY',
      op: 'camera',
      at: { device: 'enc' },
      message: 'EBUSY: camera: out of reach (device enc)',
    });
  });
});
