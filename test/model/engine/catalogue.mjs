// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/catalogue — the models there are: what the files beside it export as `models`.
 */

import { readdirSync } from 'node:fs';

/** @import {AnyModel} from './types.js' */

const FOLDER = new URL('../models/', import.meta.url);

/** @param {string} file @returns {Promise<AnyModel[]>} */
export async function loadModels(file) {
  const { models } = await import(new URL(file, FOLDER).href);
  if (!Array.isArray(models)) throw new TypeError(`${file} exports no list named models`);
  return models;
}

/** @returns {Promise<{ file: string, model: AnyModel }[]>} in the order of file names */
export async function findModels() {
  const files = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.mjs'))
    .toSorted();
  const lists = await Promise.all(files.map(loadModels));
  const found = lists.flatMap((models, i) =>
    models.map((model) => ({ file: /** @type {string} */ (files[i]), model })),
  );
  const names = new Set(found.map(({ model }) => model.name));
  if (names.size < found.length) throw new Error('two models have the same name');
  return found;
}
