// SPDX-License-Identifier: MIT
/** What tests decide themselves: when a callback ends, and when a caller gives up. */

/** A callback that ends when the test says so. */
export function gate(): {
  readonly passed: Promise<void>;
  /** What the callback does: says that it is there, and waits. */
  enter(): Promise<void>;
  /** It is there. */
  entered(): boolean;
  open(): Promise<void>;
} {
  let open = (): void => {};
  let isThere = false;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    passed,
    enter() {
      isThere = true;
      return passed;
    },
    entered: () => isThere,
    async open() {
      open();
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** A signal that is aborted, and its reason. */
export function abortable(): {
  readonly signal: AbortSignal;
  readonly reason: Error;
  abort(): void;
} {
  const controller = new AbortController();
  const reason = new Error('given up');
  return { signal: controller.signal, reason, abort: () => controller.abort(reason) };
}
