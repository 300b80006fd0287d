// SPDX-License-Identifier: MIT
/** A script whose module body fails before it joins. */
throw Object.assign(new TypeError('no such codec'), { code: 'ERR_NO_CODEC' });
