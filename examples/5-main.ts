// SPDX-License-Identifier: MIT
// 5. Two mixers over the same three buffers, which they name in different orders.
import { Domain } from 'dmabuf';

await using domain = await Domain.create();
using voice = domain.alloc(4096, { name: 'voice' });
using music = domain.alloc(4096, { name: 'music' });
using out = domain.alloc(4096, { name: 'out' });
{
  using first = await voice.cpuAccess('write');
  using second = await music.cpuAccess('write');
  first.bytes.fill(1);
  second.bytes.fill(2);
}

const script = new URL('./5-many.ts', import.meta.url);
const mixers = [
  await domain.spawn(script, { data: { a: voice.share(), b: music.share(), out: out.share() } }),
  await domain.spawn(script, { data: { a: music.share(), b: voice.share(), out: out.share() } }),
];
await Promise.all(mixers.map((mixer) => mixer.gone));

using mixed = await out.cpuAccess('read'); // waits for whatever is still being written
console.log(`every sample: ${mixed.bytes.every((sample) => sample === 60) ? 60 : 'wrong'}`);
