// SPDX-License-Identifier: MIT
import { isMainThread } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { Domain, type DomainOptions } from '../../../src/index.js';

const code = (wanted: string) => expect.objectContaining({ code: wanted });

describe('Domain.create', () => {
  test.each<DomainOptions>([
    null as never,
    { limits: null as never },
    { heap: -1 },
    { heap: Number.NaN },
    { heap: 4096.5 },
    { heap: 2 ** 53 },
    { heap: 1 },
    { name: '' },
    { stallAfter: 0 },
    { limits: { agents: 1 } },
    { limits: { agents: 257 } },
    { limits: { buffers: 0 } },
    { limits: { buffers: 1.5 } },
    { limits: { timelines: -1 } },
    { limits: { channels: 2 ** 30 } },
  ])('refuses %j with EINVAL', async (options) => {
    await expect(Domain.create(options)).rejects.toEqual(code('EINVAL'));
  });

  test.each([null, 1, '', {}])('refuses processes: %j with EINVAL', async (processes) => {
    const options = { processes } as DomainOptions;
    await expect(Domain.create(options)).rejects.toEqual(code('EINVAL'));
  });

  test('refuses users of a domain of threads with EINVAL, which says what is missing', async () => {
    await expect(Domain.create({ users: [1] })).rejects.toThrow(/^EINVAL: .*say processes/);
  });

  test('a thread that may be ended brings no process in: ENOTSUP says who does', async () => {
    expect(isMainThread).toBe(false);
    for (const entering of [Domain.create({ processes: true }), Domain.join('/run/none')])
      await expect(entering).rejects.toThrow(/^ENOTSUP: .*only the main thread .* the handle/);
  });

  test('a long name is cut, not refused', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20, name: 'ü'.repeat(99) });
    expect(domain.name).toBe('ü'.repeat(30));
  });
});

describe('a limit is a typed error that names its table', () => {
  const tiny = { heap: 2 ** 20, limits: { buffers: 2, timelines: 1, channels: 1 } } as const;

  test('buffers', async () => {
    await using domain = await Domain.create(tiny);
    using a = domain.alloc(1);
    using b = domain.alloc(1);
    expect(() => domain.alloc(1)).toThrow(/^ENFILE: .*limits\.buffers.*table buffers, limit 2/);
    a.close();
    domain.alloc(1).close();
    void b;
  });

  test('timelines', async () => {
    await using domain = await Domain.create(tiny);
    using one = domain.timeline('one');
    expect(() => domain.timeline('two')).toThrow(/^ENFILE: .*timelines/);
    void one;
  });

  test('channels', async () => {
    await using domain = await Domain.create(tiny);
    using one = domain.channel('one');
    expect(() => domain.channel('two')).toThrow(/^ENFILE: .*channels/);
    void one;
  });

  test('heap', async () => {
    await using domain = await Domain.create(tiny);
    using a = domain.alloc(2 ** 19, { name: 'big one' });
    expect(() => domain.alloc(2 ** 20)).toThrow(/^ENOMEM: .*big one/);
    void a;
  });
});

describe('a closed domain', () => {
  test('answers ESTALE, throwing where a value is returned and rejecting where a promise is', async () => {
    const domain = await Domain.create({ heap: 2 ** 20 });
    const home = domain.alloc(1);
    home.close();
    await domain.close();
    await domain.close();
    expect(() => domain.alloc(1)).toThrow(code('ESTALE'));
    expect(() => domain.channel('x')).toThrow(code('ESTALE'));
    expect(() => domain.addHeap({ name: 'x', allocate: () => home })).toThrow(code('ESTALE'));
    await expect(domain.lockAll([])).rejects.toEqual(code('ESTALE'));
    await expect(domain.spawn('/x.js')).rejects.toEqual(code('ESTALE'));
    await expect(domain.idle()).rejects.toEqual(code('ESTALE'));
  });
});

describe('Domain.on', () => {
  test('refuses unknown events and listeners that are none; disposing ends it', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20 });
    expect(() => domain.on('what' as 'leak', () => {})).toThrow(code('EINVAL'));
    expect(() => domain.on('leak', 1 as never)).toThrow(code('EINVAL'));
    domain.on('leak', () => {})[Symbol.dispose]();
  });
});

describe('Domain.heap', () => {
  test('knows "system", and no other', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20 });
    expect(domain.heap('system')).toMatchObject({ name: 'system', size: 2 ** 20, used: 0 });
    expect(() => domain.heap('cma')).toThrow(code('ENOENT'));
    expect(() => domain.alloc(1, { heap: 'cma' })).toThrow(code('ENOENT'));
  });

  test('knows what was added, and shows it, until it is closed', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20 });
    {
      using cma = domain.addHeap({
        name: 'cma',
        size: 5000,
        allocate: (size, options) => domain.alloc(size, options),
      });
      using buf = domain.alloc(4000, { heap: 'cma', name: 'frame' });
      expect([buf.size, buf.name, domain.heap('cma')]).toEqual([4000, 'frame', cma]);
      expect(domain.snapshot().heaps).toEqual([
        { name: 'system', size: 2 ** 20, used: 4096 },
        { name: 'cma', size: 5000, used: 4000 },
      ]);
    }
    expect(domain.snapshot().heaps).toHaveLength(1);
    expect(() => domain.heap('cma')).toThrow(code('ENOENT'));
  });
});

describe('options that are no object', () => {
  test('are EINVAL wherever they are taken', async () => {
    await using domain = await Domain.create({ heap: 2 ** 20 });
    using buf = domain.alloc(1);
    const none = null as never;
    const calls = [
      () => domain.alloc(1, none),
      () => domain.export(none),
      () => domain.dynamicExport(none),
      () => domain.openSync(buf.share(), none),
      () => domain.pool(none),
      () => domain.channel('c', none),
      () => domain.device('d', none),
      () => domain.lockAllSync([buf], none),
      () => domain.acquireContext(none),
      () => buf.share(none),
      () => buf.share({ to: {} as never }),
    ];
    for (const call of calls) expect(call, String(call)).toThrow(code('EINVAL'));
    const promises = [
      Domain.join(domain.handle, none),
      domain.spawn('/x.js', none),
      domain.open(buf.share(), none),
      domain.lockAll([buf], none),
      domain.bufinfo(none),
      domain.idle(none),
    ];
    for (const promise of promises) await expect(promise).rejects.toEqual(code('EINVAL'));
    expect(buf.resv.locked).toBe(false);
  });
});
