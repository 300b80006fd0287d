// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/built — what is used here of the rooms as they were built, with the types of their sources: published declarations hide
 * what rooms show each other.
 */

import * as direction from '../../dist/buf/direction.js';
import * as buf from '../../dist/buf/index.js';
import * as layout from '../../dist/domain/layout.js';
import * as domain from '../../dist/domain/rooms.js';
import * as errors from '../../dist/errors.js';
import * as fence from '../../dist/fence/index.js';
import * as file from '../../dist/file/index.js';
import * as heap from '../../dist/heap/index.js';
import * as hosts from '../../dist/host/index.js';
import * as descriptors from '../../dist/host/linux/descriptors.js';
import * as mem from '../../dist/mem/index.js';
import * as resv from '../../dist/resv/index.js';
import * as usage from '../../dist/resv/usage.js';
import * as sync from '../../dist/sync/index.js';
import * as watch from '../../dist/watch/index.js';

/** @param {unknown} room @returns {any} */
const untyped = (room) => room;

/** @type {typeof import('../../src/buf/index.js')} */
export const { Attachment, makeDevice } = untyped(buf);
/** @type {typeof import('../../src/buf/direction.js')} */
export const { usageBefore } = untyped(direction);
/** @type {typeof import('../../src/domain/layout.js')} */
export const { SECTIONS } = untyped(layout);
/** @type {typeof import('../../src/domain/rooms.js')} */
export const { Rooms } = untyped(domain);
/** @type {typeof import('../../src/errors.js')} */
export const { DmaBufError, ERROR_CODES, errorNumber, fail } = untyped(errors);
/** @type {typeof import('../../src/fence/index.js')} */
export const { Fence, FenceChain, FenceSet } = untyped(fence);
/** @type {typeof import('../../src/file/index.js')} */
export const { DmaBufFile, mmapBuffer } = untyped(file);
/** @type {typeof import('../../src/file/numbers.js')} */
export const numbers = untyped(file);
/** @type {typeof import('../../src/heap/index.js')} */
export const { oneSlab } = untyped(heap);
/** @type {typeof import('../../src/host/index.js') & typeof import('../../src/host/linux/descriptors.js')} */
export const host = { ...untyped(hosts), ...untyped(descriptors) };
/** @type {typeof import('../../src/mem/index.js')} */
export const { Arena } = untyped(mem);
/** @type {typeof import('../../src/resv/index.js')} */
export const { AcquireContext } = untyped(resv);
/** @type {typeof import('../../src/resv/usage.js')} */
export const { USAGES } = untyped(usage);
/** @type {typeof import('../../src/sync/index.js')} */
export const { SyncFile } = untyped(sync);
/** @type {typeof import('../../src/watch/index.js')} */
export const { bufinfo, snapshot } = untyped(watch);
