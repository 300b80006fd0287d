// SPDX-License-Identifier: MIT
/** The agent's side of support/actor.ts: joins the domain, plays the scene it was told, leaves. */
import { Domain } from 'dmabuf';
import { port } from './port.mjs';

const heard = [];
let listener = null;

/** What the agent has while it lives: nothing of it may be collected before. */
const kept = [];

export function keep(handle) {
  kept.push(handle);
  return handle;
}

/** Tells the test something. */
export function say(word, payload = null) {
  port.postMessage({ word, payload });
}

/** The next message of the test. Only while it is awaited does it keep the agent alive. */
export async function hear() {
  port.ref();
  while (heard.length === 0) {
    await new Promise((resolve) => {
      listener = resolve;
    });
  }
  port.unref();
  return heard.shift();
}

/** More turns than a pending wait is polled for before it is parked. */
const TURNS = 50;

/** Until every pending wait of this thread is parked. */
export async function parked() {
  for (let n = 0; n < TURNS; n++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for what `start` waits for, and says so: before it blocks, or when the pending wait is parked. */
export async function sayWaiting(sync, start) {
  if (sync) {
    say('waiting');
    return start();
  }
  const pending = start();
  pending.catch(() => {});
  await parked();
  say('waiting');
  return await pending;
}

/** Lives until the test says how to die. Its own promise never settles. */
export async function dieAsTold() {
  const way = await hear();
  if (way === 'process.exit') process.exit(3);
  setImmediate(() => {
    throw new Error('the scene was told to throw');
  });
  return new Promise(() => {});
}

/** Who was not spawned joins the domain at the place that it was started with. */
const join = () => Domain.join(process.argv[2]);

/** Plays `scenes[data.scene](domain, data)`. Who was not spawned is told first what its data are. */
export async function play(scenes, enter = join) {
  const domain = await enter();
  port.on('message', (message) => {
    heard.push(message);
    listener?.();
  });
  const told = await hear();
  const data = domain.data ?? told;
  await scenes[data.scene](domain, data);
  await domain.close();
  port.unref();
}
