// SPDX-License-Identifier: MIT
/**
 * testing/exporter-worker — exports a buffer, sends it, and waits to be killed.
 */

import { Domain } from 'dmabuf';
import { type ExporterData, ORDERS, REPORTS } from './death-messages.js';
import type { MakeExporter } from './maker.js';

const domain = await Domain.join();
const { module } = domain.data as ExporterData;
const { makeExporter } = (await import(module)) as { readonly makeExporter: MakeExporter };
const { buf } = await makeExporter(domain);
await domain.channel(REPORTS).send(buf);
await domain.channel(ORDERS).receive();
