// SPDX-License-Identifier: MIT
/** Changes of recorded traces, after which the replay must fail. */
import type { Entry, Scenario, Step, TraceEvent } from './types.js';

/** A copy that may be changed. */
type Draft<T> = { -readonly [K in keyof T]: T[K] extends object ? Draft<T[K]> : T[K] };

export type StepDraft = Draft<Step> & { events: Draft<TraceEvent>[] };

/** A copy with one step changed: the first that makes this call, or that is so. */
export function withStep(
  scenario: Scenario,
  which: string | ((entry: Entry) => boolean),
  change: (step: StepDraft, trace: Draft<Entry>[]) => void,
): Scenario {
  const copy = structuredClone(scenario) as { trace: Draft<Entry>[] } & Scenario;
  const is = typeof which === 'string' ? (entry: Entry) => entry.call === which : which;
  const step = copy.trace.find((entry) => is(entry as Entry));
  if (step === undefined) throw new RangeError(`${scenario.name} has no such step`);
  change(step as StepDraft, copy.trace);
  return copy;
}

/** A copy with one observation changed: the last of its kind. */
export function withObservation(
  scenario: Scenario,
  observe: string,
  change: (entry: Draft<Entry>) => void,
): Scenario {
  const copy = structuredClone(scenario) as { trace: Draft<Entry>[] } & Scenario;
  const entry = copy.trace.findLast((each) => each.observe === observe);
  if (entry === undefined) throw new RangeError(`${scenario.name} has no ${observe}`);
  change(entry);
  return copy;
}

/** Makes a copy with one step changed: the first ioctl whose command has this in it. */
export const ioctl =
  (from: Scenario, command: string, change: (draft: StepDraft) => void) => (): Scenario =>
    withStep(
      from,
      ({ call, args }) =>
        call === 'ioctl' && String(args?.cmd).includes(command) && !args?.['pointer'],
      change,
    );
