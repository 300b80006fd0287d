// SPDX-License-Identifier: MIT
/**
 * Our frames and channels as a pipeline uses them: a fixed set of buffers, attached and mapped once
 * by each side, handed over again and again. That is what the reference scripts have, too: memory
 * that both sides know before the first frame.
 */
import { DEPTH } from './frames.mjs';

/** The two channels between producer and consumer. */
export function openLanes(domain) {
  const options = { capacity: 2 * DEPTH };
  return { there: domain.channel('there', options), back: domain.channel('back', options) };
}

/** A buffer with a mapping that stays; `words` is valid as long as the object lives. */
export function mapped(buf) {
  const attachment = buf.attachSync('bench');
  const mapping = attachment.mapSync('bidirectional');
  return { buf, attachment, mapping, words: mapping.as(Int32Array) };
}

/** DEPTH buffers with every page written once. */
export function ownFrames(domain, size) {
  return Array.from({ length: DEPTH }, () => {
    const frame = mapped(domain.alloc(size));
    frame.words.fill(-1);
    return frame;
  });
}

/** Maps a buffer when it comes for the first time: wordsOf(buf). */
export function importer() {
  const known = new Map();
  return (buf) => {
    let frame = known.get(buf.id);
    if (frame === undefined) {
      frame = mapped(buf.dup());
      known.set(buf.id, frame);
    }
    return frame.words;
  };
}

/** Throws unless the frame that came back is number `k`. */
export function checkTag(delivery, k) {
  if (delivery.tag !== k) throw new Error(`frame ${delivery.tag} came back instead of ${k}`);
}
