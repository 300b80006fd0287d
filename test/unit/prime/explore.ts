// SPDX-License-Identifier: MIT
/**
 * Every order in which a few concurrent calls can happen: each schedule is run from the beginning, the last choice that has an
 * alternative is changed, and so on until there is none left.
 */
import type { Choice, Stage } from './stage.js';

/** A call, and what its caller does after it. */
export interface Act {
  readonly name: string;
  run(): Promise<void>;
}

/** One scene: made anew for each schedule. */
export interface Scene {
  readonly stage: Stage;
  /** Each begins when it is chosen to, and settles when what its caller does is over. */
  readonly acts: readonly Act[];
  /** What is wrong now; null = nothing. */
  invariant(): string | null;
  /** Begins to take everything down, once the acts are over. */
  takeDown(): Promise<void>;
  /** What is left over after that; null = nothing. */
  leftover(): string | null;
}

export interface Explored {
  readonly schedules: number;
  /** The first thing that went wrong, and the choices that led there. */
  readonly found: { readonly what: string; readonly schedule: readonly string[] } | null;
}

/** Choices of one schedule, more than which is a circle. */
const LONGEST = 200;

interface Made {
  readonly taken: number;
  readonly of: number;
}

/** Lets everything happen that needs no choice. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Run {
  readonly made: Made[] = [];
  readonly names: string[] = [];
  #faults: number;

  constructor(
    readonly scene: Scene,
    readonly prefix: readonly number[],
    faults: number,
  ) {
    this.#faults = faults;
  }

  /** @returns what is wrong */
  async play(): Promise<string | null> {
    const { scene } = this;
    const errors: string[] = [];
    const follow = async (act: () => Promise<void>): Promise<void> => {
      try {
        await act();
      } catch (error) {
        errors.push(String(error));
      }
      open--;
    };
    let open = scene.acts.length;
    const waiting = [...scene.acts];
    const begin = (): Choice[] =>
      waiting.map((act, n) => ({
        name: `begin ${act.name}`,
        fault: false,
        take: () => {
          waiting.splice(n, 1);
          void follow(() => act.run());
        },
      }));
    const wrong = await this.#steps(
      () => [...begin(), ...scene.stage.choices()],
      () => open > 0,
      () => errors[0] ?? scene.invariant(),
    );
    if (wrong !== null) return wrong;
    this.#faults = 0;
    open = 1;
    void follow(() => scene.takeDown());
    await settle();
    const down = await this.#steps(
      () => scene.stage.choices().slice(0, 1),
      () => open > 0,
      () => errors[0] ?? null,
    );
    return down ?? errors[0] ?? scene.leftover();
  }

  async #steps(
    offer: () => Choice[],
    unfinished: () => boolean,
    check: () => string | null,
  ): Promise<string | null> {
    for (let step = 0; step < LONGEST; step++) {
      const choices = offer().filter(({ fault }) => !fault || this.#faults > 0);
      if (choices.every(({ fault }) => fault)) {
        if (!unfinished()) return null;
        return `nothing goes on, and these wait: ${this.scene.stage.waiting.join(', ')}`;
      }
      this.#take(choices);
      await settle();
      const wrong = check();
      if (wrong !== null) return wrong;
    }
    return 'it goes on for ever';
  }

  #take(choices: readonly Choice[]): void {
    const taken = this.prefix[this.made.length] ?? 0;
    const chosen = choices[taken];
    if (chosen === undefined) throw new RangeError('a schedule did not happen the same way twice');
    this.made.push({ taken, of: choices.length });
    this.names.push(chosen.name);
    if (chosen.fault) this.#faults--;
    chosen.take();
  }
}

/** The schedule after this one, depth first. */
function next(made: readonly Made[]): number[] | null {
  for (let at = made.length - 1; at >= 0; at--) {
    const { taken, of } = made[at] ?? { taken: 0, of: 0 };
    if (taken + 1 < of) return [...made.slice(0, at).map((one) => one.taken), taken + 1];
  }
  return null;
}

/** @param faults  callbacks that fail and calls that are aborted, per schedule */
export async function explore(make: () => Promise<Scene>, faults: number): Promise<Explored> {
  let prefix: number[] | null = [];
  let schedules = 0;
  while (prefix !== null) {
    const run: Run = new Run(await make(), prefix, faults);
    schedules++;
    const what = await run.play();
    if (what !== null) return { schedules, found: { what, schedule: run.names } };
    prefix = next(run.made);
  }
  return { schedules, found: null };
}
