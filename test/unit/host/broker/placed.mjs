// SPDX-License-Identifier: MIT
/** Makes a place, and ends without a word to it: `placed.mjs natural|exit|throw`. Says { place }. */
import { Place } from '../../../../dist/host/broker/place.js';

const [, , how] = process.argv;
const place = Place.at(true, { others: false });
const listener = place.open();
process.on('uncaughtException', () => process.exit(1));
process.send({ place: place.path }, () => {
  process.disconnect();
  if (how === 'exit') process.exit(0);
  if (how === 'throw') throw new Error('on purpose');
  listener.close();
});
