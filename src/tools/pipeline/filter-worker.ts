// SPDX-License-Identifier: MIT
/**
 * filter-worker — filters its band of every frame that comes down its lane: reads the input half of the buffer,
 * writes its own rows of the output half. Killed before done(), its fence fails and the band is done again.
 */
import { Domain } from 'dmabuf';
import { bandOf } from './bands.js';
import { filterBand } from './filters.js';
import { frameLayout, inputPixels, outputPixels, Stamps } from './frame-layout.js';
import { channelOptions, type FilterData } from './lane-messages.js';
import { nowMicros } from './latency.js';
import { followStarter } from './starter.js';
import { parseHeader } from './y4m.js';

followStarter();
await using domain = await Domain.join();
const { channel, depth, lane, workers, filter, header } = domain.data as FilterData;
const { geometry } = parseHeader(header);
const layout = frameLayout(geometry, workers);
const { y0, y1 } = bandOf(geometry, lane, workers);

let free = nowMicros();
for await (using job of domain.channel(channel, channelOptions(depth))) {
  using cpu = await job.cpuAccess('read-write');
  const stamps = new Stamps(cpu, layout);
  const hop = nowMicros() - Math.max(stamps.submitted, free);
  filterBand(filter, geometry, inputPixels(cpu, layout), outputPixels(cpu, layout), y0, y1);
  free = nowMicros();
  stamps.setBand(lane, hop, free);
  job.done();
}
