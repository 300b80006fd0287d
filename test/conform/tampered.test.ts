// SPDX-License-Identifier: MIT
/** Recorded traces that were tampered with: the replay must fail, or it could not. */
import { describe, expect, test } from 'vitest';
import { replay } from './replay.mjs';
import { scenario } from './scenarios.js';
import { ioctl, type StepDraft, withObservation, withStep } from './tamper.js';
import type { Scenario } from './types.js';

const MATRIX = scenario('attach', 'dynamic_exporter.static_importer.map_twice_different');
const DYNAMIC = scenario('attach', 'dynamic_exporter.dynamic_importer.basic');
const WAITING = scenario('attach', 'static_exporter.static_importer.kernel_fence_pending');
const NOT_MAPPED = scenario('cache', 'failure_not_cached.null');
const ELSEWHERE = scenario('attach', 'dynamic_exporter.dynamic_importer.resv_held_elsewhere');
const NO_NOTIFY = scenario('attach', 'dynamic_attach.no_move_notify');
const EXPORT = scenario('export', 'ok.static');
const CPU = scenario('cpu', 'fence.write.from_device');
const VMAP = scenario('vmap', 'count');
const RESV = scenario('resv', 'query.reverse');
const FENCE = scenario('fence', 'callback.order');
const EXPORTED = scenario('sync_file', 'export.fences');
const IMPORTED = scenario('sync_file', 'import.read');
const MERGED = scenario('sync_file', 'merge');

const SEEK = scenario('file', 'llseek.odd');
const NAMED = scenario('file', 'name.set');
const FDS = scenario('file', 'fd.references');
const COMMANDS = scenario('ioctl', 'other');
const MMAP = scenario('mmap', 'bounds.odd');
const IMPORTERS_MMAP = scenario('mmap', 'importer');
const KEEPS = scenario('mmap', 'mapping_keeps_buffer');
const POLL = scenario('poll', 'fence.write');
const POLLERS = scenario('poll', 'two_pollers');

const step = (from: Scenario, call: string, change: (draft: StepDraft) => void) => (): Scenario =>
  withStep(from, call, change);
const event = (from: Scenario, call: string, op: string, field: string, value: unknown) =>
  step(from, call, ({ events }) => {
    const found = events.find((each) => each.op === op);
    if (found === undefined) throw new RangeError(`${call} has no ${op}`);
    (found as Record<string, unknown>)[field] = value;
  });
const after = (from: Scenario, call: string, field: string, value: unknown) =>
  step(from, call, (draft) => {
    draft.after = { ...draft.after, [field]: value } as never;
  });

const TAMPERED: [what: string, tampered: () => Scenario, complaint: RegExp][] = [
  ['another result', step(DYNAMIC, 'dma_buf_map_attachment', (d) => void (d.ret = 'sgt7')), /sgt7/],
  ['an error that is none', step(DYNAMIC, 'dma_buf_detach', (d) => void (d.ret = '-EBUSY')), /ret/],
  [
    'a callback that is not recorded',
    step(MATRIX, 'dma_buf_attach', (d) => void d.events.splice(1, 1)),
    /event extra pin/,
  ],
  [
    'a callback that does not come',
    step(DYNAMIC, 'dma_buf_detach', (d) => void d.events.push(...d.events)),
    /event missing detach/,
  ],
  [
    'callbacks in another order',
    step(MATRIX, 'dma_buf_attach', (d) => void d.events.push(...d.events.splice(1, 1))),
    /too late/,
  ],
  [
    'a lock that is free',
    event(MATRIX, 'dma_buf_attach', 'map', 'resv_locked', false),
    /map\.resv_locked/,
  ],
  [
    'a lock that is held',
    event(MATRIX, 'dma_buf_attach', 'attach', 'resv_locked', true),
    /attach\.resv_locked/,
  ],
  [
    'a lock of somebody else',
    event(DYNAMIC, 'dma_buf_map_attachment', 'map', 'resv_held_by_current', false),
    /resv_held_by_current/,
  ],
  [
    'a lock that is held where a map fails',
    event(NOT_MAPPED, 'dma_buf_map_attachment', 'map', 'resv_locked', true),
    /map\.resv_locked/,
  ],
  [
    'another number where Linux complains as well',
    step(NO_NOTIFY, 'dma_buf_dynamic_attach', (d) => void (d.ret = '-ENXIO')),
    /ENXIO/,
  ],
  [
    'a blocked call that nobody makes',
    () =>
      withObservation(
        ELSEWHERE,
        'while_main_holds_resv',
        (entry) => void (entry['blocked_call'] = 'dma_buf_x' as never),
      ),
    /no step makes the blocked call dma_buf_x/,
  ],
  ['another direction', event(MATRIX, 'dma_buf_attach', 'map', 'dir', 'TO_DEVICE'), /map\.dir/],
  [
    'an entry of the list too early',
    event(DYNAMIC, 'dma_buf_dynamic_attach', 'attach', 'in_list', true),
    /in_list/,
  ],
  [
    'a lock that stays',
    after(DYNAMIC, 'dma_buf_dynamic_attach', 'resv_locked', true),
    /resv_locked/,
  ],
  ['more attachments', after(DYNAMIC, 'dma_buf_dynamic_attach', 'attachments', 2), /attachments/],
  ['more pins', after(MATRIX, 'dma_buf_attach', 'pins', 2), /after pins/],
  ['fewer mappings', after(MATRIX, 'dma_buf_attach', 'live_maps', 0), /live_maps/],
  ['a buffer that lives on', after(DYNAMIC, 'dma_buf_put', 'alive', true), /alive/],
  ['a complaint', step(DYNAMIC, 'dma_buf_detach', (d) => void (d.warns = 1)), /warns/],
  [
    'a wait that is none',
    step(WAITING, 'dma_buf_map_attachment', (d) => void d.events.splice(1, 1)),
    /never returns/,
  ],
  [
    'a wait where there is none',
    step(CPU, 'dma_buf_begin_cpu_access', (d) => void (d.args = { ...d.args, dir: 'NONE' })),
    /begin_cpu_access/,
  ],
  [
    'another result of a wait',
    step(RESV, 'dma_resv_wait_timeout', (d) => void (d.ret = 'full timeout')),
    /ret/,
  ],
  [
    'another list',
    step(RESV, 'dma_resv_add_fence', (d) => void (d.args = { ...d.args, list: [] } as never)),
    /list/,
  ],
  [
    'another order of callbacks of a fence',
    step(FENCE, 'dma_fence_signal', (d) => void (d.events = d.events.toReversed())),
    /too late/,
  ],
  [
    'a mapping for CPUs that is not counted',
    step(VMAP, 'dma_buf_vmap', (d) => void (d.args = { ...d.args, vmapping_counter: 0 })),
    /vmapping_counter/,
  ],
  [
    'a mapping for CPUs that is not made',
    step(VMAP, 'dma_buf_vmap', (d) => void d.events.splice(0)),
    /event extra vmap/,
  ],
  ['another size', step(SEEK, 'llseek', (d) => void (d.ret = 1)), /ret/],
  ['a descriptor that is open', step(FDS, 'close', (d) => void (d.ret = '-EBADF')), /EBADF/],
  [
    'another path',
    () => withObservation(NAMED, 'name', (entry) => void (entry['path'] = '/dmabuf:x' as never)),
    /observe path/,
  ],
  [
    'another text of a file',
    () => withObservation(NAMED, 'name', (entry) => void (entry['fdinfo'] = 'size:\t1\n' as never)),
    /observe fdinfo/,
  ],
  [
    'another number of a command',
    () =>
      withObservation(COMMANDS, 'numbers', (e) => void (e['DMA_BUF_SET_NAME'] = '0x1' as never)),
    /DMA_BUF_SET_NAME/,
  ],
  ['a command that is known', step(COMMANDS, 'ioctl', (d) => void (d.ret = 0)), /ENOTTY/],
  ['another page of a mapping', event(MMAP, 'mmap', 'mmap', 'pgoff', 1), /mmap\.pgoff/],
  ['a mapping under the lock', event(MMAP, 'mmap', 'mmap', 'resv_locked', true), /resv_locked/],
  [
    'other bytes of a mapping',
    () => withObservation(MMAP, 'first_byte', (entry) => void (entry['value'] = 'z' as never)),
    /observe value/,
  ],
  ['a buffer that dies under a mapping', after(KEEPS, 'dma_buf_put', 'alive', false), /alive/],
  [
    'a range that is refused otherwise',
    step(IMPORTERS_MMAP, 'dma_buf_mmap', (d) => void (d.args = { ...d.args, vm_pgoff: 7 })),
    /vm_pgoff/,
  ],
  ['another readiness', step(POLL, 'poll', (d) => void (d.ret = 'IN')), /ret/],
  [
    'a poller that is not told',
    step(POLL, 'dma_fence_signal', (d) => void d.events.splice(1, 1)),
    /event extra poll_wakeup/,
  ],
  [
    'pollers that are told in another order',
    step(POLLERS, 'dma_fence_signal', (d) => void d.events.push(...d.events.splice(0, 1))),
    /too late/,
  ],
  [
    'another fence in a sync file',
    ioctl(EXPORTED, 'EXPORT', (d) => void (d.args = { ...d.args, fence: 'write' })),
    /field fence/,
  ],
  [
    'an export that fails',
    ioctl(EXPORTED, 'EXPORT', (d) => void (d.ret = '-EINVAL')),
    /ret: Linux "-EINVAL"/,
  ],
  [
    'a snapshot that is over',
    () => withObservation(EXPORTED, 'snapshot', (entry) => void (entry['status'] = 0 as never)),
    /observe status/,
  ],
  [
    'an import that adds nothing',
    () => withObservation(IMPORTED, 'fences', (entry) => void (entry['list'] = [] as never)),
    /observe list/,
  ],
  [
    'another status of a sync file',
    ioctl(MERGED, 'FILE_INFO', (d) => void (d.args = { ...d.args, status: 1 } as never)),
    /field status/,
  ],
  [
    'another number of fences',
    ioctl(MERGED, 'FILE_INFO', (d) => void (d.args = { ...d.args, num_fences: 2 } as never)),
    /field num_fences/,
  ],
  [
    'another answer of poll',
    step(scenario('sync_file', 'poll'), 'poll', (d) => void (d.ret = 'IN')),
    /ret: Linux "IN"/,
  ],
  [
    'an unknown ioctl',
    ioctl(MERGED, 'FILE_INFO', (d) => void (d.args = { ...d.args, cmd: 'SYNC_IOC_X' })),
    /unknown call ioctl/,
  ],
  [
    'an unknown call',
    step(DYNAMIC, 'dma_buf_detach', (d) => void (d.call = 'dma_buf_x')),
    /unknown call dma_buf_x/,
  ],
  [
    'an unknown argument',
    step(DYNAMIC, 'dma_buf_detach', (d) => void (d.args = { ...d.args, x: 1 })),
    /unknown argument x/,
  ],
  ['an unknown state', after(DYNAMIC, 'dma_buf_map_attachment', 'x', 1), /unknown state x/],
  [
    'an unknown field of a callback',
    event(DYNAMIC, 'dma_buf_map_attachment', 'map', 'x', 1),
    /map\.x/,
  ],
  [
    'an unknown kind of entry',
    step(DYNAMIC, 'dma_buf_detach', (d) => void Reflect.deleteProperty(d, 'call')),
    /unknown kind/,
  ],
  [
    'an unknown observation',
    () => withObservation(EXPORT, 'buffer', (entry) => void (entry.observe = 'x')),
    /unknown observation x/,
  ],
  [
    'another observation',
    () => withObservation(EXPORT, 'buffer', (entry) => void (entry['size'] = 1 as never)),
    /observe size/,
  ],
];

const SCRIPT = scenario('resv_lock', 'wait_die.waiter_dies_for_older');
const settled = (field: string, value: unknown) => () =>
  withObservation(SCRIPT, 'settled', (entry) => void (entry[field] = value as never));
const blocked = (field: string, value: string) => () =>
  withObservation(SCRIPT, 'blocked', (entry) => void (entry[field] = value as never));
const lockStep = (change: (draft: StepDraft) => void) => step(SCRIPT, 'dma_resv_lock(ctx)', change);

const TAMPERED_SCRIPTS: typeof TAMPERED = [
  ['another result', lockStep((d) => void (d.ret = '-EALREADY')), /ret/],
  ['a later return', lockStep((d) => void (d['returned_in'] = 9 as never)), /still blocked/],
  [
    'another context',
    lockStep((d) => void (d['ctx'] = { stamp: 2, acquired: 1, wounded: 0 } as never)),
    /ctx\.stamp/,
  ],
  ['another one who is blocked', settled('blocked', ['t2']), /blocked/],
  [
    'another owner',
    settled('locks', { A: { owner: 't1', is_locked: true, has_ctx: true } }),
    /lock A/,
  ],
  ['an unknown call', lockStep((d) => void (d.call = 'dma_resv_x')), /unknown call dma_resv_x/],
  ['a complaint', lockStep((d) => void (d['warns'] = 1 as never)), /warns/],
  ['another lock that is waited for', blocked('lock', 'D'), /"lock":"D"/],
  ['another call that is blocked', blocked('blocked_call', 'dma_resv_lock(x)'), /lock\(x\)/],
  ['a command that nobody gave', settled('command', 99), /99/],
];

describe.each([
  ['steps', TAMPERED],
  ['scripts of threads', TAMPERED_SCRIPTS],
])('a tampered trace fails, %s', (_kind, cases) => {
  test.each(cases)('%s', async (_what, tampered, complaint) => {
    const { verdict, why } = await replay(tampered());
    expect(verdict).toMatch(/^(failed|unsupported)$/);
    expect(why.join('\n')).toMatch(complaint);
  });
});
