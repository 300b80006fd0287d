// SPDX-License-Identifier: MIT
/**
 * testing/rules — what an exporter must do, as a table: a short name, which a failure begins with, and the sentence.
 *
 * A case judges the rule it is named after. Some rules hold in whatever is going on (a callback answers, and leaves no lock
 * behind): a breach of them is told by any case that meets it, under the name of the rule that was broken.
 */

export const RULES = {
  'made-here':
    'makeExporter gives an open buffer of the domain it was given, and `move` if its memory may move',
  'covers-size':
    'the segments of a map cover the size of the buffer exactly, and no byte of a source twice',
  'same-bytes': 'all mappings of a buffer, and the CPU, see the same bytes',
  'keeps-content': 'what was written through one mapping is there in the next one',
  'every-direction':
    'a device reads what the CPU wrote, and the CPU what the device wrote, in each direction that allows it',
  'one-unmap-one-mapping': 'unmap ends one mapping, and no other one of the same attachment',
  'unmap-gives-back': 'what map takes, unmap gives back, also when the importer gave up meanwhile',
  'detach-gives-back': 'what attach takes, detach gives back',
  'attach-again': 'the buffer can be attached again after its last importer has left',
  'outlives-its-handle':
    "callbacks work after the exporter's own handle was closed: the buffer lives until the last reference goes",
  'cpu-access-ends':
    'CPU accesses may overlap, and after the end of one nothing of it is in the way of the next',
  'side-by-side': 'importers come, map, unmap and go side by side',
  'typed-errors': 'a callback that refuses throws a DmaBufError',
  'never-fails': 'unmap, unpin, detach, endCpuAccess and release do not fail',
  'answers-in-time': 'a callback ends in finite time, and does not block its thread',
  'leaves-no-lock': 'a callback that locked the reservation has unlocked it when it returns',
  'lent-lock': 'the lock that a callback is given is not used after the callback',
  'keeps-the-lock': 'a callback does not unlock the lock that it is given',
  'fences-end': 'the fences that the exporter adds to the reservation signal in finite time',
  'undone-on-ENOMEM':
    'without memory, attach, map and CPU access succeed or fail with ENOMEM, and take nothing when they fail',
  'survives-EDEADLK':
    'an importer that has to give up its locks and begin again finds the buffer as it was',
  'release-frees-all':
    'release comes after the last reference has gone, and leaves nothing in the domain',
  'importer-death': 'an importer that dies with the buffer mapped and locked takes nothing with it',
  'exporter-death':
    'after the death of the exporter its importers are told (EOWNERDEAD), and nothing of it is left',
  'pin-balances': 'as many unpins as pins, and the buffer may move again',
  'pinned-stays':
    'while it is pinned, accessed by the CPU, or attached by an importer that cannot follow, it does not move: EBUSY',
  'move-notifies': 'a move tells its importers before it touches the old place',
  'move-keeps-content': 'a move takes the content along',
  'move-waits': 'a move waits for all fences of the reservation ("bookkeep")',
  'move-anywhere': 'a move between any two steps of an importer loses nothing',
  'move-fails-whole':
    'a move that finds no memory fails with ENOMEM, and leaves the buffer where it was',
} as const satisfies Readonly<Record<string, string>>;

/** Name of a rule, as failures begin with it. */
export type RuleName = keyof typeof RULES;
