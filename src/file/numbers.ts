// SPDX-License-Identifier: MIT
/**
 * file/numbers — Linux's numbers: what programs pass to the file of a buffer, and what they get.
 *
 * @source include/uapi/linux/dma-buf.h, sync_file.h, poll.h, fs.h, mman.h
 */

/** Bytes of a page: what mmap counts in. */
export const PAGE_SIZE = 4096;

/** There is something to read: all writers are over. */
export const POLLIN = 0x0001;
/** Writing does not wait: all readers are over, too. */
export const POLLOUT = 0x0004;
/** There is no buffer any more. Never asked for, always told. */
export const POLLERR = 0x0008;

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;

export const PROT_READ = 1;
export const PROT_WRITE = 2;

/** Flags of `sync`, `exportSyncFile` and `importSyncFile`. */
export const DMA_BUF_SYNC_READ = 1;
export const DMA_BUF_SYNC_WRITE = 2;
export const DMA_BUF_SYNC_RW = DMA_BUF_SYNC_READ | DMA_BUF_SYNC_WRITE;
export const DMA_BUF_SYNC_START = 0;
export const DMA_BUF_SYNC_END = 4;

/** { flags } */
export const DMA_BUF_IOCTL_SYNC = 0x4008_6200;
/** A string. Two numbers, since it once depended on the size of a pointer. */
export const DMA_BUF_SET_NAME_A = 0x4004_6201;
export const DMA_BUF_SET_NAME_B = 0x4008_6201;
/** What a program of 64 bits means by it. */
export const DMA_BUF_SET_NAME = 0x4008_6201;
/** { flags, fd }: `fd` is filled in with a SyncFile. */
export const DMA_BUF_IOCTL_EXPORT_SYNC_FILE = 0xc008_6202;
/** { flags, fd }: `fd` is a SyncFile. */
export const DMA_BUF_IOCTL_IMPORT_SYNC_FILE = 0x4008_6203;
