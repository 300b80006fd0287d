// SPDX-License-Identifier: MIT
/** The thread of orphan.mjs. */
import { Domain } from 'dmabuf';

const domain = await Domain.join();
domain.channel('nothing comes').receiveSync();
