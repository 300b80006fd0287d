// SPDX-License-Identifier: MIT
/** Concurrent calls on one or two clients of a device, as scenes to be explored: see theatre.ts. */
import type { DmaBuf } from '../../../src/buf/index.js';
import { DmaBufError } from '../../../src/errors.js';
import type { PrimeClient } from '../../../src/prime/prime-client.js';
import type { Rig } from '../buf/rig.js';
import type { Act, Scene } from './explore.js';
import { ABORTED, FAILED, Stage } from './stage.js';
import { type Bo, type Gated, Theatre } from './theatre.js';

export type MakeScene = (rig: Rig) => Promise<Scene>;

/** For calls that may be aborted on stage. */
const abortable = { signal: new AbortController().signal };

/** A call that may be refused with one of these codes, fail on stage or be aborted there. @returns undefined = it was */
async function tried<T>(call: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error === ABORTED) return undefined;
    if (DmaBufError.is(error) && (codes.includes(error.code) || error.cause === FAILED)) {
      return undefined;
    }
    throw error;
  }
}

/** What the calls of a scene are made with. */
class Props {
  readonly theatre: Theatre;
  /** Closed in the end. */
  readonly bufs: DmaBuf[] = [];
  readonly #rejected: Bo[] = [];
  readonly #clients: PrimeClient<Bo>[] = [];

  constructor(rig: Rig, gated: readonly Gated[]) {
    this.theatre = new Theatre(rig, new Stage(rig.agent), gated);
  }

  client(): PrimeClient<Bo> {
    const client = this.theatre.client();
    this.#clients.push(client);
    return client;
  }

  /** That id names that object, if it still names anything. */
  #expect(client: PrimeClient<Bo>, handle: number | undefined, bo: Bo | null): void {
    if (handle === undefined || bo === null) return;
    this.theatre.expect(this.theatre.states[this.#clients.indexOf(client)], handle, bo);
  }

  makes(client: PrimeClient<Bo>, bo: Bo): Act {
    const run = async (): Promise<void> => {
      const handle = await tried(client.createHandle(bo, abortable), 'ESTALE');
      if (handle === undefined) this.#rejected.push(bo);
      else this.#expect(client, handle, bo);
    };
    return { name: `make ${bo.name}`, run };
  }

  exports(client: PrimeClient<Bo>, handle: number): Act {
    const run = async (): Promise<void> => {
      const buf = await tried(client.handleToBuf(handle, 2, abortable), 'ENOENT', 'ESTALE');
      if (buf !== undefined) this.bufs.push(buf);
    };
    return { name: `export ${handle}`, run };
  }

  /** @param bo  what it must be; null = a new object */
  imports(
    client: PrimeClient<Bo>,
    buf: DmaBuf,
    bo: Bo | null,
    found?: (handle: number) => void,
  ): Act {
    const run = async (): Promise<void> => {
      const handle = await tried(client.bufToHandle(buf, abortable), 'ESTALE');
      this.#expect(client, handle, bo);
      if (handle !== undefined) found?.(handle);
    };
    return { name: 'import', run };
  }

  closes(client: PrimeClient<Bo>, handle: number): Act {
    const run = async (): Promise<void> => {
      await tried(client.closeHandle(handle, abortable), 'EINVAL', 'ESTALE');
    };
    return { name: `close ${handle}`, run };
  }

  leaves(client: PrimeClient<Bo>): Act {
    return { name: 'leave', run: () => client.close() };
  }

  drops(buf: DmaBuf): Act {
    return { name: 'drop', run: async () => buf.close() };
  }

  /** From now on callbacks wait at their gates. @param also  what else must hold in the end */
  begin(acts: readonly Act[], also: () => string | null = () => null): Scene {
    this.theatre.curtain = true;
    const takeDown = async (): Promise<void> => {
      for (const buf of this.bufs) buf.close();
      await Promise.all(this.#clients.map((client) => client.close()));
      this.theatre.giveBack(this.#rejected);
    };
    return this.theatre.scene(acts, also, takeDown);
  }
}

/** A handle is exported, closed, and its id wanted for the next object. */
export const exportAndClose: MakeScene = async (rig) => {
  const props = new Props(rig, ['export', 'close']);
  const client = props.client();
  await client.createHandle(props.theatre.bo('first'));
  const acts = [
    props.exports(client, 1),
    props.closes(client, 1),
    props.makes(client, props.theatre.bo('second')),
  ];
  return props.begin(acts);
};

/** A buffer that has a handle is imported again while that handle is closed, and its id wanted for the next object. */
export const reimportAndClose: MakeScene = async (rig) => {
  const props = new Props(rig, ['open', 'close']);
  const client = props.client();
  const [first, second] = [props.theatre.bo('first'), props.theatre.bo('second')];
  await client.createHandle(first);
  const buf = await client.handleToBuf(1);
  props.bufs.push(buf);
  const acts = [
    props.imports(client, buf, first),
    props.closes(client, 1),
    props.makes(client, second),
  ];
  return props.begin(acts);
};

/** Two tasks of one client import the same foreign buffer. */
export const importTwice: MakeScene = async (rig) => {
  const props = new Props(rig, ['attach', 'map', 'import', 'open']);
  const client = props.client();
  const foreign = props.theatre.foreign();
  props.bufs.push(foreign);
  const handles: number[] = [];
  const found = (handle: number): void => void handles.push(handle);
  const acts = [
    props.imports(client, foreign, null, found),
    props.imports(client, foreign, null, found),
  ];
  return props.begin(acts, () =>
    new Set(handles).size > 1 ? `one buffer has the handles ${handles.join(' and ')}` : null,
  );
};

/** Two clients export the same object for the first time, and one of them closes its handle. */
export const exportFromTwo: MakeScene = async (rig) => {
  const props = new Props(rig, ['export', 'close']);
  const [one, other] = [props.client(), props.client()];
  const bo = props.theatre.bo('shared');
  await one.createHandle(bo);
  await other.createHandle(bo);
  const acts = [props.exports(one, 1), props.exports(other, 1), props.closes(one, 1)];
  return props.begin(acts, () =>
    new Set(props.bufs.map(({ id }) => id)).size > 1 ? 'one object is two buffers' : null,
  );
};

/** The last handle of an object is closed while another client imports its buffer, and the caller drops that buffer. */
export const importAndLastClose: MakeScene = async (rig) => {
  const props = new Props(rig, ['open', 'close']);
  const [one, other] = [props.client(), props.client()];
  const bo = props.theatre.bo('shared');
  await one.createHandle(bo);
  const buf = await one.handleToBuf(1);
  props.bufs.push(buf);
  const acts = [props.imports(other, buf, bo), props.closes(one, 1), props.drops(buf)];
  return props.begin(acts);
};

/** A client is closed while it imports, and exports. */
export const leave: MakeScene = async (rig) => {
  const props = new Props(rig, ['export', 'import', 'open', 'close']);
  const client = props.client();
  const foreign = props.theatre.foreign();
  props.bufs.push(foreign);
  await client.createHandle(props.theatre.bo('first'));
  const acts = [
    props.imports(client, foreign, null),
    props.exports(client, 1),
    props.leaves(client),
  ];
  return props.begin(acts);
};

/** What was imported is closed, and freed, while it is imported again and exported. */
export const importedAndClose: MakeScene = async (rig) => {
  const props = new Props(rig, ['import', 'close', 'free']);
  const client = props.client();
  const foreign = props.theatre.foreign();
  props.bufs.push(foreign);
  await client.bufToHandle(foreign);
  const acts = [
    props.imports(client, foreign, null),
    props.closes(client, 1),
    props.exports(client, 1),
  ];
  return props.begin(acts, () =>
    props.bufs.some(({ id }) => id !== foreign.id) ? 'what was imported was wrapped' : null,
  );
};
