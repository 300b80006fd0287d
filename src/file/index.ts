// SPDX-License-Identifier: MIT
export { DmaBufFile } from './dma-buf-file.js';
export { FileMapping } from './file-mapping.js';
export type { IoctlArgument } from './ioctl.js';
export { mmapBuffer } from './mmap.js';
export * from './numbers.js';
