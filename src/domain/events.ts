// SPDX-License-Identifier: MIT
/**
 * domain/events — what a domain tells its listeners. A listener that throws stops nobody: its error surfaces as an unhandled
 * rejection, as a throwing event handler's should.
 */

import { fail, shown } from '../errors.js';

export interface DomainEventMap {
  /** An agent died without closing; everything it had has been taken care of. */
  'member-lost': {
    readonly member: string;
    readonly reason: string;
    readonly locks: number;
    readonly fences: number;
    readonly buffers: number;
  };
  /** A wait takes longer than stallAfter. */
  stall: { readonly op: string; readonly waitingFor: string; readonly graph: string };
  /** A handle was garbage-collected while open. The creation stack is there when `debug`. */
  leak: { readonly kind: string; readonly id: number; readonly stack?: string };
  /** A process was not let in, or was cut off: it sent what no member sends. Told in the process that is the broker; null = not known. */
  refused: { readonly why: string; readonly pid: number | null; readonly user: number | null };
}

type Listener = (event: never) => void;

const TYPES: readonly string[] = ['member-lost', 'stall', 'leak', 'refused'];

export class Events {
  readonly #listeners = new Map<string, Set<Listener>>();

  on<K extends keyof DomainEventMap>(
    type: K,
    listener: (event: DomainEventMap[K]) => void,
  ): Disposable {
    const op = 'Domain.on';
    if (!TYPES.includes(type)) {
      throw fail(
        'EINVAL',
        op,
        { type: shown(type) },
        { why: `type must be one of ${TYPES.join(', ')}` },
      );
    }
    if (typeof listener !== 'function') {
      throw fail(
        'EINVAL',
        op,
        { listener: shown(listener) },
        { why: 'listener must be a function' },
      );
    }
    const listeners = this.#listeners.get(type) ?? new Set<Listener>();
    this.#listeners.set(type, listeners);
    listeners.add(listener);
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  heard(type: keyof DomainEventMap): boolean {
    return (this.#listeners.get(type)?.size ?? 0) > 0;
  }

  emit<K extends keyof DomainEventMap>(type: K, event: DomainEventMap[K]): void {
    for (const listener of Array.from(this.#listeners.get(type) ?? [])) {
      try {
        (listener as (event: DomainEventMap[K]) => void)(event);
      } catch (error) {
        void Promise.reject(error);
      }
    }
  }
}
