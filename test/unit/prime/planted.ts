// SPDX-License-Identifier: MIT
/** Faults that the scenes must find: each is planted in the code under test for the length of one test. */
import { ClientState } from '../../../src/prime/client-state.js';
import { Errand } from '../../../src/prime/errand.js';
import { GemObject } from '../../../src/prime/gem-object.js';
import { HandleTable } from '../../../src/prime/handle-table.js';
import { Objects } from '../../../src/prime/objects.js';
import { TurnLock } from '../../../src/prime/turn-lock.js';
import * as scenes from './scenes.js';

export interface Planted {
  readonly name: string;
  readonly scene: scenes.MakeScene;
  /** @returns takes it out again */
  plant(): () => void;
}

/** Another method in place of the one of that name. */
function instead<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (original: T[K]) => T[K],
): () => void {
  const original = prototype[name];
  prototype[name] = make(original);
  return () => {
    prototype[name] = original;
  };
}

/** A lock that everybody has at once. */
const unlocked = (which: string): (() => void) =>
  instead(TurnLock.prototype, 'take', (take) => {
    return function* (this: TurnLock, op: string) {
      if (!this.what.startsWith(which)) return yield* take.call(this, op);
      return { release: () => {} };
    };
  });

/** Runs it, and nobody is rung. */
function silently(agent: TurnLock['agent'], run: () => void): void {
  const { ring } = agent;
  agent.ring = () => {};
  run();
  agent.ring = ring;
}

/** What was got last: the object that the next id is reserved for. */
let latest: GemObject<object>;

export const planted: readonly Planted[] = [
  {
    name: 'the id is free before the cache has forgotten it',
    scene: scenes.reimportAndClose,
    plant: () =>
      instead(HandleTable.prototype, 'withdraw', (withdraw) => {
        return function (this: HandleTable<unknown>, id: number) {
          const of = withdraw.call(this, id);
          if (of !== undefined) this.free(id);
          return of;
        };
      }),
  },
  {
    name: 'a handle names its object before its open callback',
    scene: scenes.importAndLastClose,
    plant: () => {
      const take = instead(GemObject.prototype as GemObject<object>, 'get', (get) => {
        return function (this: GemObject<object>) {
          latest = get.call(this);
          return latest;
        };
      });
      const give = instead(HandleTable.prototype, 'reserve', (reserve) => {
        return function (this: HandleTable<unknown>) {
          const id = reserve.call(this);
          this.publish(id, latest);
          return id;
        };
      });
      return () => [take, give].forEach((end) => end());
    },
  },
  {
    name: 'no lock on the objects of the device',
    scene: scenes.exportFromTwo,
    plant: () => unlocked('the objects'),
  },
  {
    name: 'no lock on the handles of a client: one buffer gets two handles',
    scene: scenes.importTwice,
    plant: () => unlocked('the handles'),
  },
  {
    name: 'no lock on the handles of a client: the cache keeps a handle that was closed meanwhile',
    scene: scenes.exportAndClose,
    plant: () => unlocked('the handles'),
  },
  {
    name: 'an object keeps its buffer when its last handle goes',
    scene: scenes.exportAndClose,
    plant: () => instead(GemObject.prototype, 'leave', () => () => {}),
  },
  {
    name: 'a failed call leaves what it had done',
    scene: scenes.importTwice,
    plant: () => instead(Errand.prototype, 'undo', () => () => {}),
  },
  {
    name: 'locks are released under a callback whose caller gave up',
    scene: scenes.exportFromTwo,
    plant: () => instead(Errand.prototype, 'outlive', () => () => () => {}),
  },
  {
    name: 'an imported object keeps its buffer when its last handle goes',
    scene: scenes.importedAndClose,
    plant: () => instead(GemObject.prototype, 'leave', () => () => {}),
  },
  {
    name: 'who waits for a lock, or for the end of a call, is not woken',
    scene: scenes.importTwice,
    plant: () => {
      const take = instead(TurnLock.prototype, 'take', (original) => {
        return function* (this: TurnLock, op: string) {
          const turn = yield* original.call(this, op);
          return { release: () => silently(this.agent, turn.release) };
        };
      });
      const called = instead(ClientState.prototype, 'called', () => () => {});
      return () => [take, called].forEach((end) => end());
    },
  },
  {
    name: 'buffers of the same device are attached to',
    scene: scenes.importAndLastClose,
    plant: () => instead(Objects.prototype, 'exportedAs', () => () => undefined),
  },
];
