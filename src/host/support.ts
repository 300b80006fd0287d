// SPDX-License-Identifier: MIT
/**
 * host/support — what works on this platform and, if not, why and what to do.
 */

import { canWaitAsync } from '../mem/index.js';
import { whyNotLinux } from './linux/library.js';

export type Support =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: string; readonly remedy: string };

const YES: Support = { ok: true };

/** Shared memory between threads. In a browser it needs two HTTP headers. */
export function threadSupport(): Support {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer === 'undefined' || crossOriginIsolated === false) {
    return {
      ok: false,
      why: 'this page is not cross-origin isolated, so it has no SharedArrayBuffer',
      remedy:
        'send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    };
  }
  if (!canWaitAsync()) {
    return {
      ok: false,
      why: 'this engine cannot wait for shared memory without blocking (waitAsync)',
      remedy: 'use Node >= 20.19 or a newer browser',
    };
  }
  return YES;
}

/** Members in other processes. */
export function processSupport(): Support {
  const why = whyNotLinux();
  if (why === null) return YES;
  const remedy =
    'processes take Linux on x64 or arm64, with koffi 3.3 or later (npm install koffi); threads work without';
  return { ok: false, why, remedy };
}

/** The …Sync calls. */
export function blockingSupport(): Support {
  const { document } = globalThis as { document?: unknown };
  if (document === undefined) return YES;
  return {
    ok: false,
    why: 'the main thread of a page may not block',
    remedy: 'use the promise forms here, or call from a worker',
  };
}
