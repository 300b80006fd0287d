// SPDX-License-Identifier: MIT
/** A program that dies of an error while its thread is blocked: the thread must not keep it alive. */
import { Domain } from 'dmabuf';

const domain = await Domain.create();
await domain.spawn(new URL('./blocked.mjs', import.meta.url));
throw new Error('main fails');
