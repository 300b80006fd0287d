// SPDX-License-Identifier: MIT
/**
 * syncobj — places for fences, named by handles: DRM's sync objects, as Vulkan drivers use them.
 *
 * A `SyncobjClient` is one open of a device: handles, which name sync objects. An object is of one agent, with no record in shared
 * memory: what other agents know are the fences in it.
 *
 * Invariants  I29 an object lives as long as it has a name, a handle of whichever client or a SyncobjFd, or somebody waits for it. A
 *                 wait for a fence that is not there yet ends when the last name goes: nobody could put one in any more.
 *             I30 a wait takes the fence of each object once, at the very moment when there is one: a later reset or replacement
 *                 changes nothing for it.
 *             I31 a call for several handles changes all of them or none: it looks at everything that could fail first.
 * Differs     see SEMANTICS D-50.
 *
 * @source Linux drm_syncobj.c
 */
export type { SyncobjTimelineWaitOptions, SyncobjWaitOptions } from './options.js';
export { SyncobjClient, type SyncobjDomain } from './syncobj-client.js';
export { SyncobjFd } from './syncobj-fd.js';
