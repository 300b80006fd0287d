// SPDX-License-Identifier: MIT
/** The system heap, as the conformance kit has it made in a thread of its own. */
export const makeExporter = (domain) => ({ buf: domain.alloc(9000) });
