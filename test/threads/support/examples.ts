// SPDX-License-Identifier: MIT
/** The programs of examples/, compiled as a user would. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const root = new URL('../../../', import.meta.url);
const path = (file: string): string => fileURLToPath(new URL(file, root));

/** Those who run at the same time compile into folders of their own. */
export class Examples {
  constructor(readonly folder: string) {}

  compile(): void {
    const compiler = path('node_modules/@typescript/native/bin/tsc');
    const into = ['--outDir', path(`temp/${this.folder}`)];
    const args = [compiler, '-p', path('examples'), '--pretty', 'false', ...into];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  }

  /** The compiled file of a program. */
  file(name: string): string {
    return path(`temp/${this.folder}/${name}.js`);
  }
}
