// SPDX-License-Identifier: MIT
/**
 * testing/failure-of — errors as answers, for those who expect them.
 */

/** What `work` failed with; null = it did not. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return null;
  } catch (error) {
    return error ?? new Error('it failed without an error');
  }
}
