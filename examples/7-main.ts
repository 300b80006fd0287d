// SPDX-License-Identifier: MIT
// 7. A heap of your own, and what its exporter does when two devices have a buffer mapped.
import { Domain, KiB } from 'dmabuf';
import { chunkHeap } from './7-heap.js';

await using domain = await Domain.create();
const synced: string[] = [];
using heap = domain.addHeap(
  chunkHeap(domain, 'chunks', (device, side) => synced.push(`${device} ${side}`)),
);

using frame = domain.alloc(200 * KiB, { heap: 'chunks', name: 'frame' });
await using camera = await frame.attach('camera');
await using screen = await frame.attach('screen');
await using printer = await frame.attach('printer');

using first = await camera.map('from-device');
using second = await camera.map('from-device');
using shown = await screen.map('to-device');
console.log(`${shown.segments.length} chunks; mapped: ${synced.splice(0).join(', ')}`);
first.unmap();
console.log(`one of two maps ended: ${synced.splice(0).join(', ') || 'nothing'}`);
(await frame.cpuAccess('write')).end();
console.log(`CPU access: ${synced.splice(0).join(', ')}`);
second.unmap();
console.log(`the other one: ${synced.splice(0).join(', ')}`);
console.log(`${heap.used / KiB} KiB in use; never synced: ${printer.device.name}`);
