// SPDX-License-Identifier: MIT
/**
 * The shared words of the reference hand-offs: the producer counts `head`, the consumer `tail`, and
 * whoever sleeps says so. Each on a cache line of its own.
 */
import { consume, DEPTH, filled, sharedFrames } from './frames.mjs';

export const HEAD = 0;
export const TAIL = 16;
export const CONSUMER_SLEEPS = 32;
export const PRODUCER_SLEEPS = 48;

export const newWords = () => new Int32Array(new SharedArrayBuffer(4096));

/** Wakes whoever waits for the counter, or finds nobody. */
export const notifyAlways = (index) => (words) => Atomics.notify(words, index);

/** Wakes whoever said that it sleeps. */
export const notifySleeper = (index, sleeps) => (words) => {
  if (Atomics.load(words, sleeps) !== 0) Atomics.notify(words, index);
};

/** What the producer keeps, and its consumer is given. */
export function newSequence(size) {
  const words = newWords();
  const frames = sharedFrames(size);
  return { words, frames };
}

const HEADER = 4096;

/** What a sequence needs when all of it lies in one memory; `size` is of a frame, whole pages. */
export const sequenceBytes = (size) => HEADER + DEPTH * size;

/** The sequence in a memory of so many bytes. Who makes the memory fills the frames. */
export function sequenceOver(memory, size) {
  const words = new Int32Array(memory, 0, HEADER / Int32Array.BYTES_PER_ELEMENT);
  const length = size / Int32Array.BYTES_PER_ELEMENT;
  const frames = Array.from(
    { length: DEPTH },
    (_, n) => new Int32Array(memory, HEADER + n * size, length),
  );
  return { words, frames };
}

export function fillFrames({ frames }) {
  for (const frame of frames) filled(frame);
}

/**
 * @param ring  { words, frames }
 * @param wake  wake(words) after each frame
 * @returns     send() writes the next frame's number into it and publishes it; returns the new head
 */
export function sender({ words, frames }, wake) {
  let head = 0;
  return () => {
    frames[head % DEPTH][0] = head;
    head++;
    Atomics.store(words, HEAD, head);
    wake(words);
    return head;
  };
}

/** The consumer's part: consumes frame number `tail`, returns it. */
export function taker({ words, frames }, wake) {
  let tail = 0;
  return () => {
    consume(frames[tail % DEPTH], tail);
    tail++;
    Atomics.store(words, TAIL, tail);
    wake(words);
    return tail;
  };
}
