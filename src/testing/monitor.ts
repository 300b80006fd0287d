// SPDX-License-Identifier: MIT
/**
 * testing/monitor — looks on while an exporter's callbacks run: what they throw, how long they take, what they do with their lock.
 */

import { DmaBufError, HeldLock, type SourceSegment } from 'dmabuf';
import { messageOf } from './conformance-error.js';
import { overlay } from './overlay.js';
import type { RuleName } from './rules.js';
import { coverProblem } from './segments.js';

/** A rule that was broken, and how. */
export interface Breach {
  readonly rule: RuleName;
  readonly what: string;
  readonly cause?: unknown;
}

/** Nobody could act on their failure. */
const UNFAILING = new Set(['unmap', 'unpin', 'detach', 'endCpuAccess', 'release', 'vunmap']);
/** They give segments. */
const MAPPING = new Set(['map', 'vmap']);
const LOCK_USES = new Set<PropertyKey>(
  'wait reserve add addKernel replace fences copyFrom markConsistent ownerDied'.split(' '),
);
const UNLOCKS = new Set<PropertyKey>(['unlock', Symbol.dispose]);

interface LentLock {
  readonly lock: HeldLock;
  /** The callback has returned. */
  end(): void;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}

export class Monitor {
  readonly breaches: Breach[] = [];
  /** Resolves with the first breach. */
  readonly broken: Promise<void>;
  #break = (): void => {};
  /** The exporter has callbacks. */
  exported = false;
  readonly #calls = new Map<string, number>();
  /** Callbacks that have not ended, and are not late yet. */
  readonly #running = new Set<Promise<void>>();

  /** @param limit  milliseconds that a callback may take. */
  constructor(readonly limit: number) {
    this.broken = new Promise((resolve) => {
      this.#break = resolve;
    });
  }

  breach(rule: RuleName, what: string, cause?: unknown): void {
    this.breaches.push({ rule, what, cause });
    this.#break();
  }

  /** How often that callback was called. */
  calls(name: string): number {
    return this.#calls.get(name) ?? 0;
  }

  /** The callbacks of one export, looked at. */
  ops<T extends object>(ops: T, size: number): T {
    this.exported = true;
    return overlay(ops, (key, value) => {
      if (typeof value !== 'function') return value;
      const callback = value as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => this.#call(String(key), size, args, callback);
    });
  }

  #call(
    name: string,
    size: number,
    args: readonly unknown[],
    callback: (...args: unknown[]) => unknown,
  ): unknown {
    this.#calls.set(name, this.calls(name) + 1);
    return this.run(name, args, (given) => {
      const result = callback(...given);
      if (!MAPPING.has(name)) return result;
      if (!isPromise(result)) return this.#mapped(result, size);
      return result.then((segments) => this.#mapped(segments, size));
    });
  }

  #mapped(segments: unknown, size: number): unknown {
    const problem = Array.isArray(segments)
      ? coverProblem(segments as SourceSegment[], size)
      : null;
    if (problem !== null) this.breach('covers-size', problem);
    return segments;
  }

  /** One call of what the author wrote; locks among its arguments are lent for the time of it. */
  run(
    name: string,
    args: readonly unknown[],
    callback: (args: readonly unknown[]) => unknown,
  ): unknown {
    const lent: LentLock[] = [];
    const given = args.map((arg) => {
      if (!(arg instanceof HeldLock)) return arg;
      const one = this.#lend(name, arg);
      lent.push(one);
      return one.lock;
    });
    const over = (): void => lent.forEach((lock) => lock.end());
    const begun = performance.now();
    try {
      const result = callback(given);
      const blocked = performance.now() - begun;
      if (blocked > this.limit) this.#late(name, `blocked its thread for ${Math.ceil(blocked)} ms`);
      if (isPromise(result)) return this.#follow(name, result, over);
      over();
      return result;
    } catch (error) {
      over();
      return this.#threw(name, error);
    }
  }

  /** Until no callback runs any more, but for those that are late: also those that nobody waits for. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.all(this.#running);
      await new Promise((resolve) => setTimeout(resolve, 0)); // for what is undone when they end
    }
  }

  async #follow(name: string, result: PromiseLike<unknown>, over: () => void): Promise<unknown> {
    let end = (): void => {};
    const running = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
    const timer = setTimeout(() => {
      this.#late(name, `has not ended after ${this.limit} ms`);
      end();
    }, this.limit);
    try {
      return await result;
    } catch (error) {
      return this.#threw(name, error);
    } finally {
      clearTimeout(timer);
      over();
      end();
    }
  }

  #late(name: string, what: string): void {
    this.breach('answers-in-time', `${name} ${what}`);
  }

  #threw(name: string, error: unknown): undefined {
    if (UNFAILING.has(name)) {
      this.breach('never-fails', `${name} failed: ${messageOf(error)}`, error);
      return undefined;
    }
    if (!DmaBufError.is(error)) {
      this.breach('typed-errors', `${name} threw "${messageOf(error)}"`, error);
    }
    throw error;
  }

  #lend(name: string, held: HeldLock): LentLock {
    let over = false;
    const lock = overlay(held, (key, value) => {
      if (UNLOCKS.has(key)) {
        this.breach('keeps-the-lock', `${name} unlocked the lock that it was given`);
        return () => {};
      }
      if (over && key === 'held') return false;
      if (over && LOCK_USES.has(key)) {
        this.breach('lent-lock', `${name} had returned when its lock was asked for ${String(key)}`);
      }
      return value;
    });
    const end = (): void => {
      over = true;
    };
    return { lock, end };
  }
}
