// SPDX-License-Identifier: MIT
/** An exporter that the conformance kit can make in a thread of its own. */
const SIZE = 9000;

export function makeExporter(domain) {
  const home = domain.alloc(SIZE, { name: 'home' });
  const ops = {
    map: () => [{ of: home, offset: 0, length: SIZE }],
    unmap() {},
    release: () => home.close(),
  };
  return { buf: domain.export({ exporter: 'camera', size: SIZE, priv: null, ops }) };
}
