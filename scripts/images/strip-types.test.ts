import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stripped, stripTypes } from './images.ts';

const house = path.join(import.meta.dirname, '../..');
const typed = [
  "import { half, type Even } from './deep/half.ts';",
  'const four = 4 as Even;',
  "if (process.argv[2] === 'fail') throw new Error(String(half(four)));",
  'process.stdout.write(String(half(four)));',
].join('\n');

/** As a process of an image runs: what strips types is not there. */
const run = (file: string, ...args: string[]) =>
  spawnSync(process.execPath, ['--import', path.join(house, stripped), file, ...args], { encoding: 'utf8' });

describe('an image without types', () => {
  let folder = '';
  let main = '';

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-strip-'));
    main = path.join(folder, 'main.ts');
    mkdirSync(path.join(folder, 'deep'));
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(main, typed);
    writeFileSync(
      path.join(folder, 'deep/half.ts'),
      'export type Even = number & { even: true };\nexport const half = (of: Even): number => of / 2;\n',
    );
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('runs what was written with them, and says the lines of the sources where it fails', () => {
    execFileSync(process.execPath, ['--no-warnings', path.join(house, stripTypes), folder]);
    expect(run(main)).toMatchObject({ status: 0, stdout: '2', stderr: '' });
    expect(run(main, 'fail').stderr).toContain('main.ts:3:39');
  });

  it('pays for no stripping: a file that still has types does not run', () => {
    expect(run(main).stderr).toContain('SyntaxError');
  });
});
