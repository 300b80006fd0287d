// SPDX-License-Identifier: MIT
/**
 * testing/in-time — work that must end: what hangs fails a case, and not the whole run.
 */

/** What `work` gives, unless it takes longer than that. @throws what `late` makes */
export async function inTime<T>(work: Promise<T>, timeout: number, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeout);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
