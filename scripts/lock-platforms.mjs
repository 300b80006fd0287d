// SPDX-License-Identifier: MIT
// The lock has to name every platform's binaries, or `npm ci` refuses it as incomplete on the platforms that
// are missing. `npm install` may leave some out; this puts them back by name, version and platform. npm
// fetches them only where they apply.
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = 'aix android darwin freebsd linux netbsd openbsd openharmony sunos win32'.split(
  ' ',
);
const PROCESSORS = 'arm64 arm ia32 loong64 mips64el ppc64 riscv64 riscv64d s390x wasm32 x64'.split(
  ' ',
);

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));

/** The lock entry of a package that exists only for one platform, read off its name. */
function platformEntry(name, version, dev) {
  const words = name.slice(name.indexOf('/') + 1).split(/[-.]/);
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (os === undefined && cpu === undefined) throw new Error(`no platform in the name ${name}`);
  return {
    version,
    ...(cpu && { cpu: [cpu.replace('riscv64d', 'riscv64')] }),
    ...(dev ? { dev: true } : {}),
    ...(words.includes('musl') ? { libc: ['musl'] } : {}),
    optional: true,
    ...(os && { os: [os] }),
  };
}

const added = [];
for (const [at, entry] of Object.entries(lock.packages)) {
  if (at === '') continue;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    // A range (not a plain version) is an optional peer of some kind, not a platform's binary.
    const present =
      `${at}/node_modules/${name}` in lock.packages || `node_modules/${name}` in lock.packages;
    if (present || !/^\d/.test(version)) continue;
    lock.packages[`node_modules/${name}`] = platformEntry(name, version, entry.dev);
    added.push(name);
  }
}
const entries = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries(entries);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added.length} platform packages put back`);
