// SPDX-License-Identifier: MIT
// 3. A dynamic exporter of your own: its memory moves, its importers are told.
import { Domain, type DynamicMapping } from 'dmabuf';
import { draw, paint } from './helpers.js';

await using domain = await Domain.create();
const size = 8 << 20;
let pins = 0;
let moves = 0;
using camera = domain.dynamicExport({
  exporter: 'my-camera',
  size,
  priv: { home: domain.alloc(size, { name: 'near' }) },
  ops: {
    // map, unmap, pin, unpin run with the reservation lock held
    map: (att) => [{ of: att.buf.priv.home, offset: 0, length: size }],
    unmap() {},
    pin() {
      pins++;
    },
    unpin() {
      pins--;
    },
    release: (priv) => priv.home.close(),
  },
});
{
  using cpu = await camera.priv.home.cpuAccess('write');
  paint(cpu.bytes);
}

async function moveTo(next = domain.alloc(size, { name: 'far' })) {
  using lock = await camera.resv.lock();
  if (pins > 0) return next.close();
  await camera.moveNotify(lock); // importers forget their mappings
  await lock.wait('bookkeep'); // and finish what they had begun
  {
    using from = await camera.priv.home.cpuAccess('read');
    using to = await next.cpuAccess('write');
    to.bytes.set(from.bytes);
  }
  camera.priv.home.close();
  camera.priv.home = next;
  moves++;
}

let view: DynamicMapping | null = null; // the importer
let drawn = 0;
await using screen = await camera.dynamicAttach('screen', {
  moveNotify() {
    view?.[Symbol.dispose](); // its old memory is free when the lock is
    view = null;
  },
});
for (let n = 0; n < 100; n++) {
  if (n % 10 === 0) await moveTo();
  using lock = await camera.resv.lock();
  await draw((view ??= await screen.map(lock, 'to-device')).bytes);
  drawn++;
}
console.log(`${drawn} pictures drawn, ${moves} moves`);
