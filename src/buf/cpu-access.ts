// SPDX-License-Identifier: MIT
/**
 * buf/cpu-access — between begin and end of CPU access.
 */

import { fail } from '../errors.js';
import { ByteAccess, type CopyCounter } from './byte-access.js';
import type { CpuIntent } from './direction.js';
import type { Leaks, Remains } from './leaks.js';
import type { Reference } from './reference.js';
import type { SgTable } from './sg-table.js';

const UNPOSTED = Symbol(
  'a CpuAccess cannot be posted: post buf.share(), and begin the access on the other side',
);

/** What an exporter of its own still has to be told when the access ends. */
export interface AccessSession {
  end(intent: CpuIntent): void;
}

/** Where an access goes back to. */
export interface AccessHost extends CopyCounter {
  readonly leaks: Leaks;
  drop(reference: Reference): void;
}

/** @internal */
export let makeCpuAccess: (
  host: AccessHost,
  reference: Reference,
  intent: CpuIntent,
  table: SgTable,
  session: AccessSession | null,
) => CpuAccess;

/**
 * Between begin and end of CPU access. It does not keep other CPUs out: sending a buffer on, or the lock, does that.
 * @source dma_buf_begin_cpu_access + dma_buf_vmap; dma_buf_end_cpu_access + dma_buf_vunmap
 */
export class CpuAccess extends ByteAccess {
  readonly intent: CpuIntent;
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;
  readonly #host: AccessHost;
  readonly #reference: Reference;
  readonly #session: AccessSession | null;
  #table: SgTable | null;

  static {
    makeCpuAccess = (host, reference, intent, table, session) =>
      new CpuAccess(host, reference, intent, table, session);
  }

  private constructor(
    host: AccessHost,
    reference: Reference,
    intent: CpuIntent,
    table: SgTable,
    session: AccessSession | null,
  ) {
    super(reference.size, host);
    this.intent = intent;
    this.#host = host;
    this.#reference = reference;
    this.#session = session;
    this.#table = table;
    host.leaks.track(this);
  }

  /** @internal */
  get closed(): boolean {
    return this.#table === null;
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const [host, reference, session, intent] = [
      this.#host,
      this.#reference,
      this.#session,
      this.intent,
    ];
    const release = (): void => finish(host, reference, session, intent);
    return { kind: 'CpuAccess', id: reference.id, release };
  }

  /** @internal */
  table(op: string): SgTable {
    if (this.#table !== null) return this.#table;
    const why = 'this CPU access has ended';
    throw fail('ESTALE', `CpuAccess.${op}`, { buffer: this.#reference.id }, { why });
  }

  /** Ends the access: `bytes` throws from now on. Twice is harmless. */
  end(): void {
    if (this.#table === null) return;
    this.#table = null;
    if (this.watched !== null) this.#host.leaks.unwatch(this);
    finish(this.#host, this.#reference, this.#session, this.intent);
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** Ends the access with an exporter of one's own, and gives the reference back. */
function finish(
  host: AccessHost,
  reference: Reference,
  session: AccessSession | null,
  intent: CpuIntent,
): void {
  session?.end(intent);
  host.drop(reference);
}
