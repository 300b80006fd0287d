// SPDX-License-Identifier: MIT
/**
 * prime/handle-table — the ids of one client: the lowest free one is next, and one that is on its way in or out names nothing.
 *
 *   free → reserved → published → reserved → free
 *
 * @source drm_file.object_idr
 */

export class HandleTable<T> {
  /** null = reserved. */
  readonly #slots = new Map<number, T | null>();
  /** No id below this one is free. */
  #lowest = 1;

  /** An id that names nothing yet. */
  reserve(): number {
    let id = this.#lowest;
    while (this.#slots.has(id)) id++;
    this.#slots.set(id, null);
    this.#lowest = id + 1;
    return id;
  }

  publish(id: number, of: T): void {
    this.#slots.set(id, of);
  }

  find(id: number): T | undefined {
    return this.#slots.get(id) ?? undefined;
  }

  /** Published → reserved. @returns what it named; undefined = nothing */
  withdraw(id: number): T | undefined {
    const of = this.find(id);
    if (of !== undefined) this.#slots.set(id, null);
    return of;
  }

  /** Reserved → free. */
  free(id: number): void {
    this.#slots.delete(id);
    this.#lowest = Math.min(this.#lowest, id);
  }

  /** Ids that name something, the lowest first. */
  published(): number[] {
    const ids = [...this.#slots].filter(([, of]) => of !== null).map(([id]) => id);
    return ids.toSorted((a, b) => a - b);
  }
}
