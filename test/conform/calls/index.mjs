// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls — the vocabulary: each call that a trace may make, with the arguments it knows.
 */

import * as attach from './attach.mjs';
import * as containers from './containers.mjs';
import * as cpu from './cpu.mjs';
import { dmaBufExport } from './export.mjs';
import * as fence from './fence.mjs';
import * as file from './file.mjs';
import * as mmap from './mmap.mjs';
import * as poll from './poll.mjs';
import * as resv from './resv.mjs';
import * as syncFile from './sync-file.mjs';
import * as vmap from './vmap.mjs';

/** @import {Session} from '../session.mjs' */
/** @import {Step} from '../types.js' */

/**
 * @typedef {object} Call
 * @property {(session: Session, step: Step) => unknown} run  a function as result is asked when the call has returned
 * @property {readonly string[]} takes  arguments it knows, also those that hold what the recorder saw
 * @property {boolean} waits  it may wait for a fence
 */

/** @param {Call['run']} run @param {string} takes @returns {Call} */
const call = (run, takes) => ({ run, takes: takes.split(' '), waits: false });
/** @param {Call['run']} run @param {string} takes @returns {Call} */
const wait = (run, takes) => ({ ...call(run, takes), waits: true });

const EXPORT = 'buf dynamic cache_sgt_mapping attach_op detach_op shared_resv size missing';
const ATTACH = 'buf attachment dev allow_peer2peer importer_ops dmabuf';
const MAP = 'buf attachment attach dir caller_holds_resv';
const UNMAP = `${MAP} sgt`;
const PIN = 'buf attachment attach caller_holds_resv';
const RESV = 'caller_holds_resv usage fence list refs_taken resv num_fences';
const FENCE = 'fence again after_signal signaled';
const LINK = 'prev fence seqno prev_seqno same_context_as_prev got_seqno';
/** Arguments that are called as fences say in which state these are. */
export const FENCES = '<fence>';
const MERGE = `in is_the_fence_itself is_the_array_itself sorted_by_context timestamp_is_the_last status all ${FENCES}`;

/** Of a sync file, or of a buffer's. @type {Call['run']} */
const pollOf = (session, step) =>
  step.args['file'] === undefined ? poll.poll(session, step) : syncFile.poll(session, step);

/** @type {ReadonlyMap<string, Call>} */
const CALLS = new Map([
  ['dma_buf_export', call(dmaBufExport, EXPORT)],
  ['dma_buf_put', call(file.dmaBufPut, 'buf dmabuf')],
  ['get_dma_buf', call(file.getDmaBuf, 'buf dmabuf')],
  ['dma_buf_fd', call(file.dmaBufFd, 'buf dmabuf flags')],
  ['dma_buf_get', call(file.dmaBufGet, 'fd')],
  ['close', call(file.close, 'fd')],
  ['llseek', call(file.llseek, 'whence offset size')],
  ['ioctl', wait(file.ioctl, 'buf cmd name length flags pointer')],
  ['mmap', call(mmap.mmap, 'length offset prot')],
  ['munmap', call(mmap.munmap, 'length')],
  ['dma_buf_mmap', call(mmap.dmaBufMmap, 'buf dmabuf pgoff vma_pages vma_file_is_buf vm_pgoff')],
  ["mmap of the importer's file", call(mmap.mmapOfImporter, 'pages pgoff')],
  ['poll', call(pollOf, 'poller asked file')],
  ['settle', call(poll.settle, 'text')],

  ['dma_buf_attach', wait(attach.dmaBufAttach, ATTACH)],
  ['dma_buf_dynamic_attach', wait(attach.dmaBufDynamicAttach, ATTACH)],
  ['dma_buf_detach', call(attach.dmaBufDetach, 'buf attachment attach dmabuf')],
  ['dma_buf_map_attachment', wait(attach.dmaBufMapAttachment, MAP)],
  ['dma_buf_map_attachment_unlocked', wait(attach.dmaBufMapAttachmentUnlocked, MAP)],
  ['dma_buf_unmap_attachment', call(attach.dmaBufUnmapAttachment, UNMAP)],
  ['dma_buf_unmap_attachment_unlocked', call(attach.dmaBufUnmapAttachmentUnlocked, UNMAP)],
  ['dma_buf_pin', call(attach.dmaBufPin, PIN)],
  ['dma_buf_unpin', call(attach.dmaBufUnpin, PIN)],
  ['dma_buf_move_notify', call(attach.dmaBufMoveNotify, 'buf dmabuf caller_holds_resv')],

  ['dma_buf_begin_cpu_access', wait(cpu.dmaBufBeginCpuAccess, 'buf dir dmabuf')],
  ['dma_buf_end_cpu_access', call(cpu.dmaBufEndCpuAccess, 'buf dir dmabuf')],
  ['dma_buf_vmap', call(vmap.dmaBufVmap, 'buf dmabuf same_address vmapping_counter')],
  ['dma_buf_vunmap', call(vmap.dmaBufVunmap, 'buf dmabuf vmapping_counter vmap_ptr_null')],

  ['reserve_and_add_fence', call(resv.reserveAndAddFence, 'buf fence usage')],
  ['dma_resv_reserve_fences', call(resv.reserveFences, `${RESV} num`)],
  ['dma_resv_add_fence', call(resv.addFence, RESV)],
  ['dma_resv_replace_fences', call(resv.replaceFences, `${RESV} context replacement`)],
  ['dma_resv_copy_fences', call(resv.copyFences, RESV)],
  ['dma_resv_init', call(resv.fini, 'resv')],
  ['dma_resv_fini', call(resv.fini, 'resv')],
  ['dma_resv_iter_first', call(resv.iterFirst, RESV)],
  ['dma_resv_iter_next', call(resv.iterNext, RESV)],
  ['dma_resv_test_signaled', call(resv.testSignaled, RESV)],
  ['dma_resv_get_singleton', call(resv.getSingleton, RESV)],
  ['dma_resv_get_fences', call(resv.getFences, `${RESV} count array_null`)],
  ['dma_resv_usage_rw', call(resv.usageRw, 'write')],
  ['dma_resv_wait_timeout', wait(resv.waitTimeout, `${RESV} interruptible timeout fences`)],

  ['dma_fence_signal', call(fence.signal, FENCE)],
  ['dma_fence_signal_locked', call(fence.signal, FENCE)],
  ['dma_fence_signal_timestamp', call(fence.signalTimestamp, `${FENCE} timestamp`)],
  ['dma_fence_set_error', call(fence.setError, `${FENCE} error`)],
  ['dma_fence_add_callback', call(fence.addCallback, `${FENCE} cb func`)],
  ['dma_fence_remove_callback', call(fence.removeCallback, `${FENCE} cb`)],
  ['dma_fence_enable_sw_signaling', call(fence.enableSwSignaling, FENCE)],
  ['dma_fence_is_signaled', call(fence.isSignaled, `${FENCE} hardware`)],
  ['dma_fence_is_signaled_locked', call(fence.isSignaled, `${FENCE} hardware`)],
  ['dma_fence_get_status', call(fence.getStatus, `${FENCE} hardware`)],
  ['dma_fence_wait', wait(fence.wait, `${FENCE} interruptible`)],
  ['dma_fence_wait_timeout', wait(fence.waitTimeout, `${FENCE} interruptible timeout`)],
  ['dma_fence_default_wait', wait(fence.waitTimeout, `${FENCE} interruptible timeout`)],
  ['dma_fence_wait_any_timeout', wait(fence.waitAny, 'timeout idx count interruptible')],
  ['dma_fence_is_later', call(fence.isLater, 'contexts f g')],
  ['dma_fence_is_later_or_same', call(fence.isLaterOrSame, 'contexts f g')],
  ['dma_fence_later', call(fence.later, 'contexts f g')],
  ['dma_fence_context_alloc', call(fence.contextAlloc, 'num next_minus_this')],
  ['dma_fence_get', call(fence.reference, 'fence')],
  ['dma_fence_get_rcu', call(fence.reference, 'fence refcount')],
  ['dma_fence_put', call(fence.reference, 'fence last callbacks_pending')],

  ['dma_fence_array_create', call(containers.arrayCreate, 'num signal_on_any')],
  ['dma_fence_chain_init', call(containers.chainInit, LINK)],
  ['dma_fence_chain_find_seqno', call(containers.findSeqno, 'seqno found on')],
  ['dma_fence_unwrap_merge', call(containers.unwrapMerge, MERGE)],
]);

/** Ioctls of sync files are calls of their own, by their command. @type {readonly [RegExp, Call][]} */
const IOCTLS = [
  [/^DMA_BUF_IOCTL_EXPORT_SYNC_FILE$/, call(syncFile.exportFrom, 'cmd flags fd fence signaled')],
  [/^DMA_BUF_IOCTL_IMPORT_SYNC_FILE$/, wait(syncFile.importInto, 'cmd flags fd')],
  [/^SYNC_IOC_MERGE$/, call(syncFile.merge, 'cmd flags fd2 both')],
  [/^SYNC_IOC_FILE_INFO$/, call(syncFile.fileInfo, 'cmd file status num_fences')],
];

/** @param {Step} step @returns {Call | undefined} */
export function callOf({ call: name, args }) {
  const special = IOCTLS.find(([command]) => name === 'ioctl' && command.test(String(args.cmd)));
  if (name === 'ioctl' && special === undefined && !file.isCommand(args)) return undefined;
  return special?.[1] ?? CALLS.get(name);
}
