// SPDX-License-Identifier: MIT
/** A broker whose process may open few files: it refuses what it cannot take, and takes it again later. */
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { DmaBufError } from '../../../../src/errors.js';
import { ARENA, Guest, type Rig, rigs, start, turn, until } from './rig.js';

const rig = rigs();
/** Descriptors of its process. */
const FEW = 128;

/** A broker there, and why it refused. */
async function poorBroker(at: Rig): Promise<string[]> {
  const shell = path.join(at.directory, 'few-files');
  writeFileSync(shell, `#!/bin/sh\nulimit -n ${FEW}\nexec "${process.execPath}" "$@"\n`);
  chmodSync(shell, 0o755);
  const { child, first } = await start(at, 'broker.mjs', [at.path], { execPath: shell });
  expect(first).toEqual({ most: FEW });
  const refused: string[] = [];
  child.on('message', (why: string) => refused.push(why));
  return refused;
}

it('connections without end leave it no descriptors, and when they are gone it lets others in', async () => {
  const refused = await poorBroker(rig());
  const raws = [];
  for (let n = 0; n < FEW; n++) {
    raws.push(rig().dial());
    await turn();
  }
  await until(() => refused.some((why) => why.includes('too many descriptors')));
  for (const raw of raws) raw.close();
  const guest = await Guest.join(rig());
  expect(guest.welcome.station.life).toBe(1);
});

it('memory without end is refused at half of its descriptors, and a member is told so', async () => {
  const refused = await poorBroker(rig());
  const guest = await Guest.join(rig());
  const file = rig().memory(ARENA);
  const publish = (row: number): Promise<unknown> =>
    guest.client.publish({ row, generation: 1 }, file).catch((error: unknown) => error);
  for (let row = 0; row < FEW / 2; row++) expect(await publish(row)).toBe(undefined);
  const error = await publish(FEW);
  expect(DmaBufError.is(error, 'ENFILE')).toBe(true);
  expect(String(error)).toContain('ulimit -n');
  guest.client.withdraw({ row: 0, generation: 1 });
  expect(await publish(FEW)).toBe(undefined);
  expect([refused, guest.closed]).toEqual([[], []]);
});
