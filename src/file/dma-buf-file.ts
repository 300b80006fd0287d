// SPDX-License-Identifier: MIT
/**
 * file/dma-buf-file — the file of a buffer, with the rules that Linux's programs know: its commands, its checks in their order, its
 * error codes and its numbers. What it does is done by the rooms below.
 */

import { type Begun, beginOperation, DmaBuf, endOperation } from '../buf/index.js';
import { checkInteger, checkWait, fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import { exportSyncFile, importSyncFile, SyncFile } from '../sync/index.js';
import type { FileMapping } from './file-mapping.js';
import { accessIn, syncIn } from './flags.js';
import { type IoctlArgument, ioctl } from './ioctl.js';
import { mmapFile } from './mmap.js';
import { PROT_READ, PROT_WRITE, SEEK_END, SEEK_SET } from './numbers.js';
import { pollFile } from './poll-file.js';
import { dnameOf, fdinfoOf } from './text.js';

const UNPOSTED = Symbol(
  'a DmaBufFile cannot be posted: post buf.share(), and open the file of what open() returns on the other side',
);

/**
 * The file of a buffer, for programs written to Linux's rules. It holds a reference of its own. What it throws has Linux's code; EBADF
 * once it is closed.
 * @source dma_buf_fops
 */
export class DmaBufFile implements Disposable {
  readonly #buf: DmaBuf;
  /** CPU accesses that only their beginner can end. */
  readonly #begun: Begun[] = [];
  #closed = false;
  /** @internal */
  readonly unposted = UNPOSTED;

  private constructor(buf: DmaBuf) {
    this.#buf = buf;
  }

  // ------------------------------------------------------------------------------------------- references

  /**
   * A file with a reference of its own; what you have is still yours to close.
   * @throws EINVAL no buffer · ESTALE
   * @example using file = DmaBufFile.open(frame); file.seek(0, SEEK_END) // => frame.size
   * @source dma_buf_fd
   */
  static open(buf: DmaBuf): DmaBufFile {
    const op = 'DmaBufFile.open';
    if (buf instanceof DmaBuf) return new DmaBufFile(buf.dup());
    throw fail('EINVAL', op, { buf: shown(buf) }, { why: 'buf must be a DmaBuf' });
  }

  /**
   * The buffer of a file: a reference of your own.
   * @throws EBADF there is no file, or it is closed · EINVAL a file of another kind
   * @example using frame = DmaBufFile.get(file);
   * @source dma_buf_get
   */
  static get(file: DmaBufFile | SyncFile | null | undefined): DmaBuf {
    const op = 'DmaBufFile.get';
    if (file === null || file === undefined) throw fail('EBADF', op);
    if (file instanceof DmaBufFile) return file.#use(op).dup();
    throw fail('EINVAL', op, { file: shown(file) }, { why: 'this is no file of a buffer' });
  }

  /** Another file of the same buffer, with a reference of its own. @throws EBADF @source dup(2) */
  dup(): DmaBufFile {
    return new DmaBufFile(this.#use('DmaBufFile.dup').dup());
  }

  /** Drops its reference. What is mapped stays mapped. Twice is harmless, unlike close(2). @source close(2) */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const begun of this.#begun.splice(0)) begun.end();
    this.#buf.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  // ------------------------------------------------------------------------------------------- position, readiness

  /**
   * Tells the size, and nothing else: (0, SEEK_END) is the size in bytes, (0, SEEK_SET) is 0. There is no position that could change.
   * @throws EBADF · EINVAL anything else
   * @source dma_buf_llseek
   */
  seek(offset: number, whence: number): number {
    const op = 'DmaBufFile.seek';
    const { size } = this.#use(op);
    if (offset === 0 && whence === SEEK_END) return size;
    if (offset === 0 && whence === SEEK_SET) return 0;
    const why = 'only (0, SEEK_END) and (0, SEEK_SET) are known';
    throw fail('EINVAL', op, { offset: shown(offset), whence: shown(whence) }, { why });
  }

  /**
   * POLLIN: all that write are over; POLLOUT: all that read, too. Nothing of the two asked for: 0, at once.
   * @param events   POLLIN, POLLOUT, or both.
   * @param timeout  milliseconds; 0 = a look; negative, the default, for ever.
   * @returns what of it is so; 0 = time ran out; POLLERR: the domain of the buffer was closed here.
   * @throws EBADF · EINVAL · the signal's reason
   * @example if (((await file.poll(POLLIN, 16)) & POLLIN) !== 0) show(frame);
   * @source dma_buf_poll
   */
  async poll(events: number, timeout = -1, options?: Pick<WaitOptions, 'signal'>): Promise<number> {
    const op = 'DmaBufFile.poll';
    const buf = this.#use(op);
    checkInteger(op, 'events', events, 0);
    if (typeof timeout !== 'number' || Number.isNaN(timeout)) {
      const why = 'timeout must be milliseconds';
      throw fail('EINVAL', op, { timeout: shown(timeout) }, { why });
    }
    return pollFile(op, buf, events, { ...options, timeout: timeout < 0 ? Infinity : timeout });
  }

  // ------------------------------------------------------------------------------------------- commands

  /**
   * A command by its number.
   * @param cmd  one of DMA_BUF_IOCTL_SYNC, DMA_BUF_SET_NAME_A and _B, DMA_BUF_IOCTL_EXPORT_SYNC_FILE and _IMPORT_SYNC_FILE.
   * @param arg  { flags }, a string, or { flags, fd } with a SyncFile, which an export fills in.
   * @returns 0
   * @throws EBADF · ENOTTY no such command · EFAULT that is no argument of it · as the named forms
   * @example await file.ioctl(DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ });
   * @source dma_buf_ioctl
   */
  async ioctl(cmd: number, arg?: IoctlArgument, options?: WaitOptions): Promise<number> {
    const op = 'DmaBufFile.ioctl';
    this.#use(op);
    checkWait(op, options);
    return ioctl(op, this, cmd, arg, options);
  }

  /**
   * Begins CPU access, or ends it: DMA_BUF_SYNC_READ is what the device has written, WRITE what it is going to read. START calls the
   * exporter, then waits for the fences in the way; END calls the exporter only. Nobody looks whether they are paired.
   * @throws EBADF · EINVAL · ETIMEDOUT · the signal's reason · EOWNERDEAD · the exporter's own
   * @example await file.sync(DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE); map.bytes.fill(0); await file.sync(DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
   * @source DMA_BUF_IOCTL_SYNC
   */
  async sync(flags: number, options?: WaitOptions): Promise<void> {
    const op = 'DmaBufFile.sync';
    const buf = this.#use(op);
    checkWait(op, options);
    const { intent, ends } = syncIn(op, flags);
    const { agent } = buf.buffers;
    if (ends) {
      const at = this.#begun.findLastIndex((begun) => begun.intent === intent);
      const begun = at < 0 ? null : (this.#begun.splice(at, 1)[0] ?? null);
      return agent.run(op, endOperation(op, buf, intent, begun), options);
    }
    const begun = await agent.run(op, beginOperation(op, buf, intent), options);
    if (begun === null) return;
    if (this.#closed) begun.end();
    else this.#begun.push(begun);
  }

  /**
   * At most 31 bytes, and never cut; up to a NUL, if there is one. "" is a name. Takes the reservation lock: while you hold it yourself,
   * this waits for you.
   * @throws EBADF · EFAULT no string · EINVAL too long · EBUSY while attached · ETIMEDOUT · the signal's reason
   * @source DMA_BUF_SET_NAME
   */
  async setName(name: string, options?: WaitOptions): Promise<void> {
    const op = 'DmaBufFile.setName';
    const buf = this.#use(op);
    if (typeof name !== 'string') throw fail('EFAULT', op, { name: shown(name) });
    const end = name.indexOf('\0');
    return buf.setName(end < 0 ? name : name.slice(0, end), options);
  }

  /**
   * The fences that reading, or writing, would have to wait for now, as one file.
   * @throws EBADF · EINVAL flags
   * @example using ready = file.exportSyncFile(DMA_BUF_SYNC_READ); await ready.wait();
   * @source DMA_BUF_IOCTL_EXPORT_SYNC_FILE
   */
  exportSyncFile(flags: number): SyncFile {
    const op = 'DmaBufFile.exportSyncFile';
    const buf = this.#use(op);
    return exportSyncFile(buf, accessIn(op, flags));
  }

  /**
   * Its fences become those of a writer, or of a reader, of the buffer. Takes the reservation lock, unless there are none: while you hold
   * it yourself, this waits for you.
   * @throws EBADF · EINVAL flags, or no sync file · EXDEV · ENOMEM nothing was added · EOWNERDEAD · ETIMEDOUT · the signal's reason
   * @example await file.importSyncFile(DMA_BUF_SYNC_WRITE, rendered);
   * @source DMA_BUF_IOCTL_IMPORT_SYNC_FILE
   */
  async importSyncFile(flags: number, file: SyncFile, options?: WaitOptions): Promise<void> {
    const op = 'DmaBufFile.importSyncFile';
    const buf = this.#use(op);
    const access = accessIn(op, flags);
    if (!(file instanceof SyncFile) || file.closed) {
      throw fail('EINVAL', op, { fd: shown(file) }, { why: 'fd must be an open SyncFile' });
    }
    return importSyncFile(buf, file, access, options);
  }

  // ------------------------------------------------------------------------------------------- mapping

  /**
   * Bytes of the buffer, until they are unmapped: they outlive the file, and every other reference. Neither fences nor caches are looked
   * after, sync() does that.
   * @param offset  in bytes, a multiple of PAGE_SIZE.
   * @param length  in bytes; rounded up to whole pages, which must all be in the buffer.
   * @throws EBADF · EINVAL · EACCES · ETIMEDOUT · the signal's reason · the exporter's own
   * @example using map = await file.mmap(0, 4096); map.bytes[0] = 1;
   * @source dma_buf_mmap_internal, mmap(2)
   */
  async mmap(
    offset: number,
    length: number,
    prot: number = PROT_READ | PROT_WRITE,
    options?: WaitOptions,
  ): Promise<FileMapping> {
    const op = 'DmaBufFile.mmap';
    return mmapFile(op, this.#use(op), [offset, length, prot], options);
  }

  // ------------------------------------------------------------------------------------------- what /proc shows

  /** Size, references, exporter, and the name if there is one. @throws EBADF @source dma_buf_show_fdinfo */
  fdinfo(): string {
    return fdinfoOf(this.#use('DmaBufFile.fdinfo'));
  }

  /**
   * What readlink shows of it.
   * @param room  bytes that the caller has for it, with a NUL at the end.
   * @throws EBADF · ENAMETOOLONG · EINVAL
   * @source dmabuffs_dname
   */
  dname(room = 64): string {
    const op = 'DmaBufFile.dname';
    return dnameOf(op, this.#use(op), room);
  }

  /** Its own reference. @throws EBADF */
  #use(op: string): DmaBuf {
    if (!this.#closed) return this.#buf;
    throw fail('EBADF', op, { buffer: this.#buf.id }, { why: 'this file was closed' });
  }
}
