// SPDX-License-Identifier: MIT
/** What exporters have in common that break one rule each, as people do. */
import type { DmaBuf } from 'dmabuf';
import type { MakeExporter, RuleName } from 'dmabuf/testing';

/** Milliseconds that the kit gives to those who use it up. */
export const PATIENCE = 400;

export interface WrongExporter {
  readonly rule: RuleName;
  readonly how: string;
  readonly make: MakeExporter;
  /** Rules that it cannot help breaking too. */
  readonly also: readonly RuleName[];
  /** It has the kit wait, until PATIENCE is over. */
  readonly slow: boolean;
}

export const wrong = (
  rule: RuleName,
  how: string,
  make: MakeExporter,
  also: readonly RuleName[] = [],
): WrongExporter => ({ rule, how, make, also, slow: false });

export const slow = (rule: RuleName, how: string, make: MakeExporter): WrongExporter => ({
  ...wrong(rule, how, make),
  slow: true,
});

export const turn = () => new Promise((resolve) => setImmediate(resolve));

export function copyNow(from: DmaBuf, to: DmaBuf): void {
  using source = from.cpuAccessSync('read');
  using target = to.cpuAccessSync('write');
  target.bytes.set(source.bytes);
}

export function clear(of: DmaBuf): void {
  using cpu = of.cpuAccessSync('write');
  cpu.bytes.fill(0);
}
