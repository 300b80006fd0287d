// SPDX-License-Identifier: MIT
/** The smallest exporter there can be: a static one, whose memory is one heap buffer. */
export function exportRange(domain, size) {
  const home = domain.alloc(size);
  const segments = [{ of: home, offset: 0, length: size }];
  const buf = domain.export({
    exporter: 'bench',
    size,
    priv: home,
    ops: { map: () => segments, unmap() {}, release: (own) => own.close() },
  });
  return { buf, segments };
}
