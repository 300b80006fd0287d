// SPDX-License-Identifier: MIT
/**
 * file/mmap — which part of a buffer may be mapped, and by whom. No reservation lock is held, and none is taken.
 *
 * The last page that the buffer does not fill cannot be mapped.
 */

import type { Operation } from '../agent/index.js';
import { DmaBuf } from '../buf/index.js';
import { checkInteger, checkWait, fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import { type FileMapping, makeFileMapping } from './file-mapping.js';
import { PAGE_SIZE, PROT_READ, PROT_WRITE } from './numbers.js';

/** Page numbers have as many. */
const BITS = 64;

/** Whole pages. */
interface Pages {
  readonly first: bigint;
  readonly count: bigint;
}

function* mapOperation(op: string, buf: DmaBuf, pages: Pages): Operation<FileMapping> {
  const { buffers } = buf;
  const reference = buf.use(op);
  const port = buffers.exports.reach(op, buf);
  const at = { buffer: reference.id, exporter: reference.exporterName };
  if (port.mmap === undefined) {
    throw fail('EINVAL', op, at, { why: 'its exporter has no mmap()' });
  }
  const end = pages.first + pages.count;
  if (BigInt.asUintN(BITS, end) !== end) throw fail('EOVERFLOW', op, at);
  if (end > BigInt(Math.floor(reference.size / PAGE_SIZE))) {
    const why = `there are no such pages in its ${reference.size} bytes`;
    throw fail(
      'EINVAL',
      op,
      { ...at, page: String(pages.first), pages: String(pages.count) },
      { why },
    );
  }
  const range = {
    offset: Number(pages.first) * PAGE_SIZE,
    length: Number(pages.count) * PAGE_SIZE,
  };
  reference.holders++;
  try {
    const part = yield* port.mmap(op, range);
    return makeFileMapping({ buffers, reference, shown: part }, range);
  } catch (error) {
    buffers.drop(reference);
    throw error;
  }
}

/** The offset and the length of mmap(2), in bytes. @throws EINVAL · EACCES */
function pagesIn(op: string, buf: DmaBuf, offset: number, length: number, prot: number): Pages {
  checkInteger(op, 'offset', offset, 0);
  if (offset % PAGE_SIZE !== 0) {
    const why = `offset must be a multiple of ${PAGE_SIZE}`;
    throw fail('EINVAL', op, { offset }, { why });
  }
  checkInteger(op, 'length', length, 1);
  checkInteger(op, 'prot', prot, 0, PROT_READ | PROT_WRITE);
  if (buf.readOnly && (prot & PROT_WRITE) !== 0) {
    throw fail('EACCES', op, { buffer: buf.id }, { why: buf.readOnlyWhy });
  }
  return { first: BigInt(offset / PAGE_SIZE), count: BigInt(Math.ceil(length / PAGE_SIZE)) };
}

/** What is mapped of a file. @throws EINVAL · EACCES · EIO · the exporter's own */
export async function mmapFile(
  op: string,
  buf: DmaBuf,
  [offset, length, prot]: readonly [number, number, number],
  options?: WaitOptions,
): Promise<FileMapping> {
  checkWait(op, options);
  const pages = pagesIn(op, buf, offset, length, prot);
  return buf.buffers.agent.run(op, mapOperation(op, buf, pages), options);
}

/** @throws EINVAL */
function pageNumber(op: string, name: string, value: unknown): bigint {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value);
  const number = isNumber ? BigInt(value) : value;
  if (typeof number === 'bigint' && BigInt.asUintN(BITS, number) === number) return number;
  const why = `${name} must be a number of pages, of ${BITS} bits`;
  throw fail('EINVAL', op, { [name]: shown(value) }, { why });
}

/**
 * For importers whose own file is mapped: the mapping shows the buffer in its place, and refers to it.
 * @param pgoff  its first page.
 * @throws EINVAL no such pages, or the exporter has no mmap · EOVERFLOW · ESTALE · ETIMEDOUT · the exporter's own
 * @example using part = await mmapBuffer(frame, 0, 1); part.bytes[0] = 1;
 * @source dma_buf_mmap
 */
export async function mmapBuffer(
  buf: DmaBuf,
  pgoff: number | bigint,
  pages: number | bigint,
  options?: WaitOptions,
): Promise<FileMapping> {
  const op = 'mmapBuffer';
  if (!(buf instanceof DmaBuf)) {
    throw fail('EINVAL', op, { buf: shown(buf) }, { why: 'buf must be a DmaBuf' });
  }
  checkWait(op, options);
  const range = { first: pageNumber(op, 'pgoff', pgoff), count: pageNumber(op, 'pages', pages) };
  return buf.buffers.agent.run(op, mapOperation(op, buf, range), options);
}
