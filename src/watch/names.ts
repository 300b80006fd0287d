// SPDX-License-Identifier: MIT
/**
 * watch/names — which agents there are, and what people call them.
 */

import { type Agent, SlotState } from '../agent/index.js';

/** Slots whose agents have joined and have not left. */
export function slotsOf(agent: Agent): number[] {
  const { slots } = agent;
  const all = Array.from({ length: slots.used }, (_, index) => index);
  return all.filter((index) => slots.taken(index) && slots.state(index) >= SlotState.LIVE);
}

/** Name of the agent in a slot, for people: two of the same name get their slot's number. */
export function memberName(agent: Agent, index: number): string {
  const { slots } = agent;
  const name = slots.name(index);
  const twin = slotsOf(agent).some((other) => other !== index && slots.name(other) === name);
  return twin ? `${name}#${index}` : name;
}
