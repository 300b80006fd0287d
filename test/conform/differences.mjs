// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/differences — where SEMANTICS.md decides otherwise: what each number covers, said of calls, callbacks and states.
 *
 * A rule is as narrow as its decision: it names the call and what may differ there. It knows no scenario.
 */

import { DmaBufError } from './built.mjs';
import { isHelper } from './events.mjs';
import { Refusal } from './numbers.mjs';

/** @import {Difference, Fact} from './types.js' */

/**
 * @typedef {object} Rule
 * @property {string} number  of the row in SEMANTICS.md
 * @property {string} says  in a few words
 * @property {(difference: Difference) => boolean} covers
 */

const CPU = ['dma_buf_begin_cpu_access', 'dma_buf_end_cpu_access'];
/** From here on two numbers of 32 bits compare otherwise than as numbers. */
const HALF = 2 ** 31;
/** From here on numbers are not exact. */
const EXACT = 2 ** 52;

/** A callback that was recorded, and did not come. @param {Difference} difference @param {...string} ops */
const isMissing = ({ kind, event }, ...ops) =>
  kind === 'event missing' && event !== undefined && ops.includes(event.op);

/** A callback that came, and was not recorded. @param {Difference} difference @param {...string} ops */
const isExtra = ({ kind, event }, ...ops) =>
  kind === 'event extra' && event !== undefined && ops.includes(event.op);

/** @param {Difference} difference @param {Fact} fact */
const holds = ({ facts = [] }, fact) => facts.includes(fact);

/** @param {string} text */
const withoutDriver = (text) => text.replace(/fence:\S+ /, 'fence: ');

/** Does what was seen of a name consist of this one? @param {unknown} seen @param {string} name */
const namesIt = (seen, name) =>
  seen === name || seen === `/dmabuf:${name}` || String(seen).endsWith(`\nname:\t${name}\n`);

/** @type {readonly Rule[]} */
export const RULES = [
  {
    number: 'D-1',
    says: 'there is no buffer mutex',
    covers: ({ field = '' }) => /\bbuf_mutex_/.test(field),
  },
  {
    number: 'D-2',
    says: 'what is mapped at attach is mapped before the lock is taken, and unmapped after it at detach',
    covers: (difference) => {
      const { kind, call, field } = difference;
      if (kind !== 'field' || !holds(difference, 'contended')) return false;
      const [attaches, detaches] = [call.endsWith('attach'), call === 'dma_buf_detach'];
      return (
        (field === 'map.resv_locked' && attaches) || (field === 'unmap.resv_locked' && detaches)
      );
    },
  },
  {
    number: 'D-3',
    says: 'a new name takes the reservation lock, and is EBUSY while attached',
    covers: (difference) => {
      const { call, kind, error, field, expected, refusedName } = difference;
      if (call === 'name') return refusedName !== undefined && namesIt(expected, refusedName);
      if (call !== 'ioctl') return false;
      if (kind === 'ret') return expected === 0 && DmaBufError.is(error, 'EBUSY');
      return field === 'returned' || (field === 'resv_locked' && holds(difference, 'contended'));
    },
  },
  {
    number: 'D-5',
    says: 'the last put runs outside of every critical section, in no thread that has a name',
    covers: ({ kind, field, expected }) =>
      kind === 'field' && field === 'release.thread' && expected === 'kworker',
  },
  {
    number: 'D-10',
    says: 'memory that is pinned, or mapped by a static importer, does not move: EBUSY',
    covers: (difference) => {
      const { call, kind, error, expected } = difference;
      if (call !== 'dma_buf_move_notify') return false;
      if (kind === 'ret') return expected === null && DmaBufError.is(error, 'EBUSY');
      return isMissing(difference, 'move_notify') && holds(difference, 'busy');
    },
  },
  {
    number: 'D-14',
    says: 'a fence is a value: nothing counts references to it, and nothing is called when it is forgotten',
    covers: (difference) => {
      const { call, field = '', kind, actual } = difference;
      if (isMissing(difference, 'fence.release')) return true;
      if (call === 'stub') return field.startsWith('private');
      if (call === 'refs' || field === 'refs' || field === 'refs_taken') return true;
      if (call === 'dma_fence_get_rcu') return kind === 'ret' && actual === undefined;
      // The last reference goes, and nothing happens.
      if (call !== 'dma_fence_put') return false;
      return kind === 'warns' || isMissing(difference, 'fence_callback');
    },
  },
  {
    number: 'D-15',
    says: 'callbacks of fences run as microtasks, also when it has signalled already, and cancelling says nothing',
    covers: (difference) => {
      const { call, kind, field = '', expected, actual } = difference;
      const ofCallback = ['fence_callback.fence_lock_held', 'fence_callback.thread'];
      if (ofCallback.includes(field)) return true;
      if (call === 'dma_fence_add_callback') {
        if (kind === 'ret') return expected === '-ENOENT' && actual === 0;
        return isExtra(difference, 'fence_callback');
      }
      if (call === 'dma_fence_remove_callback') return kind === 'ret' && actual === undefined;
      return call === 'calls' && expected === 0 && actual === 1;
    },
  },
  {
    number: 'D-18',
    says: 'sequence numbers do not wrap',
    covers: (difference) => {
      const { call, field, args } = difference;
      if (call === 'dma_resv_add_fence') return field === 'list' && holds(difference, 'beyond');
      if (call !== 'compare') return false;
      const [f, g] = [Number(args['f']), Number(args['g'])];
      return Math.abs(f - g) >= HALF || Math.max(f, g) >= EXACT;
    },
  },
  {
    number: 'D-24',
    says: 'vmap and vunmap run with the reservation lock held, and are optional',
    covers: ({ kind, call, field = '', expected, actual }) => {
      if (kind === 'ret') return call === 'dma_buf_vmap' && expected === '-EINVAL' && actual === 0;
      return kind === 'field' && /^vu?n?map\.resv_/.test(field) && expected === false;
    },
  },
  {
    number: 'D-25',
    says: 'a static exporter has no moveNotify',
    covers: (difference) => {
      const { call, kind, error, expected } = difference;
      if (call !== 'dma_buf_move_notify') return false;
      if (kind === 'ret') return expected === null && error instanceof Refusal;
      return isMissing(difference, 'move_notify') && holds(difference, 'refused');
    },
  },
  {
    number: 'D-26',
    says: 'detach ends what the attachment has mapped and pinned',
    covers: (difference) =>
      difference.call === 'dma_buf_detach' && isExtra(difference, 'unmap', 'unpin'),
  },
  {
    number: 'D-27',
    says: 'what debug checks of Linux complain about is refused, and nothing happens',
    covers: (difference) => {
      const { call, kind, args, error, expected, field = '', warns = 0 } = difference;
      const unlocked = args.caller_holds_resv === false;
      const refused =
        error instanceof Refusal || error instanceof TypeError || DmaBufError.is(error);
      if (call.includes('_lock_slow')) return kind === 'ret' && DmaBufError.is(error, 'EINVAL');
      if (kind === 'ret') {
        // Where Linux refuses as well, it has to be with the same number.
        if (String(expected).startsWith('-')) return false;
        return refused && (warns > 0 || (unlocked && isNoLock(error)));
      }
      if (kind === 'field' && unlocked && holds(difference, 'complained')) {
        return /\.resv_(locked|held_by_current)$/.test(field);
      }
      if (['dma_buf_pin', 'dma_buf_unpin'].includes(call)) {
        return holds(difference, 'refused') && isMissing(difference, 'pin', 'unpin');
      }
      return holds(difference, 'refused before') && (kind === 'observe' || field === 'list');
    },
  },
  {
    number: 'D-28',
    says: 'there is no direction NONE',
    covers: ({ kind, args, error, event }) =>
      args.dir === 'NONE' &&
      (kind === 'ret'
        ? error instanceof Refusal || DmaBufError.is(error, 'EINVAL')
        : kind === 'event missing' && (event?.dir === 'NONE' || isHelper(event))),
  },
  {
    number: 'D-29',
    says: 'CPU access is an object with the bytes: it maps them, and its end comes once and cannot fail',
    covers: (difference) => {
      const { call, kind, error, event, actual, reports = [] } = difference;
      if (kind === 'event extra' && event?.attachment === 'cpu') return true;
      if (!CPU.includes(call)) return false;
      if (call !== 'dma_buf_end_cpu_access') return isExtra(difference, 'end_cpu_access');
      if (isMissing(difference, 'end_cpu_access')) return holds(difference, 'refused');
      return kind === 'ret' && (error instanceof Refusal || (actual === 0 && reports.length > 0));
    },
  },
  {
    number: 'D-30',
    says: 'fences have no driver: nobody asks one to signal, an error comes with the signal, and no name is shown',
    covers: (difference) => {
      const { call, kind, field = '', expected, actual } = difference;
      if (isMissing(difference, 'fence.enable_signaling', 'fence.signaled')) return true;
      if (kind !== 'observe') return false;
      if (field.endsWith('.enable_signal')) return true;
      if (call === 'sync_fence_info') return field === 'driver_name';
      if (call === 'stub' || call === 'names') return field === 'driver' || field === 'timeline';
      if (call === 'status') {
        return field === 'error' && actual === 0 && holds(difference, 'error set');
      }
      const said = String(expected);
      if (call === 'bufinfo_line') return withoutDriver(said) === actual;
      if (call !== 'describe') return false;
      return said.replace(/^\w+ /gm, ' ').startsWith(String(actual));
    },
  },
  {
    number: 'D-31',
    says: 'what is attached or accessed is not released',
    covers: (difference) => {
      if (difference.call !== 'dma_buf_put' || !holds(difference, 'open')) return false;
      const { kind, field } = difference;
      if (kind === 'warns' || isMissing(difference, 'release')) return true;
      return kind === 'after' && field === 'alive';
    },
  },
  {
    number: 'D-32',
    says: 'a list that grows does not move: an iteration goes on, and needs no restart',
    covers: (difference) => {
      const { call } = difference;
      return (call === 'walk' || call === 'steps') && holds(difference, 'the same in the end');
    },
  },
  {
    number: 'D-33',
    says: 'bufinfo names the devices of a buffer in no particular order',
    covers: (difference) =>
      difference.call === 'bufinfo_line' && holds(difference, 'named elsewhere'),
  },
  {
    number: 'D-34',
    says: 'arrays are flat, take over the first error in time whoever looks, and nobody counts what is pending',
    covers: (difference) => {
      const { call, kind, field = '', expected, actual } = difference;
      if (call === 'dma_fence_array_create') {
        if (!holds(difference, 'nested')) return false;
        return kind === 'warns' || (kind === 'ret' && flat(String(expected)) === actual);
      }
      if (call !== 'array' && call !== 'raw_error') return false;
      if (field === 'num_pending') return true;
      // Is it over as soon as it is made?
      if (field === 'signaled_bit_before') return expected === false;
      // Linux marks an error that is not known yet, and knows it before the end.
      if (actual === null) return expected !== 0;
      if (actual === 0) return expected === 1 && /^(value|raw_error_before)$/.test(field);
      if (!holds(difference, 'first error')) return false;
      // Of what was over before, Linux takes the first in order.
      return expected === 0 || expected === 1 || holds(difference, 'several failed before');
    },
  },
  {
    number: 'D-36',
    says: 'only a chain is asked for a number, and a link of what is over has signalled when it is made',
    covers: ({ call, kind, field, args, expected }) => {
      if (call === 'chains') return field === 'head_signaled_bit_before' && expected === false;
      return (
        call === 'dma_fence_chain_find_seqno' &&
        kind === 'ret' &&
        'on' in args &&
        args['seqno'] === 0
      );
    },
  },
  {
    number: 'D-37',
    says: 'a poller is woken when what it waits for has come, and a look wakes nobody and takes no lock',
    covers: (difference) => {
      const { call, kind, field, event } = difference;
      if (call === 'poll') return field === 'returned' || isMissing(difference, 'poll_wakeup');
      const early = event?.['key'] === 'OUT' ? 'not writable' : 'not readable';
      return (
        kind === 'event missing' && isMissing(difference, 'poll_wakeup') && holds(difference, early)
      );
    },
  },
];

/** What an array in an array is made of. @param {string} name */
const flat = (name) => `array(${name.replaceAll(/(array|chain@\d+)\(|\)/g, '')})`;

/** @param {unknown} error */
const isNoLock = (error) => DmaBufError.is(error, 'ENOLCK');

/** @param {Difference} difference @returns {Rule | null} the decision that covers it */
export function findRule(difference) {
  return RULES.find(({ covers }) => covers(difference)) ?? null;
}
