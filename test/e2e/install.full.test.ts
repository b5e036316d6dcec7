import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/fleet.ts';
import { root } from '../house/imports.ts';

/** Enough that a kill leaves a half-made folder behind. */
const packagesAtKill = 20;
const installWithinMs = 240_000;

const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-clone-'));
const clone = path.join(folder, 'qwenfleet');
const modules = path.join(clone, 'node_modules');
const stamp = path.join(modules, '.qwenfleet-lock');

beforeAll(() => {
  execFileSync('git', ['clone', '--quiet', root, clone]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The Node that a newcomer has: the first on PATH that is not of this house. */
function systemNode(): string {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((entry) => !entry.includes('node_modules'));
  return folders.map((entry) => path.join(entry, 'node')).find(existsSync) ?? process.execPath;
}

/** As a shell would have it: without what npm tells the scripts that it runs. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(lifecycle|package|command)|INIT_CWD)/.test(name),
  );
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((entry) => !entry.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: folders.join(path.delimiter) };
}

/** A group of its own, so that a kill reaches npm too. */
const version = (): ChildProcess =>
  spawn(systemNode(), ['scripts/run.mjs', 'cli/main.ts', 'version'], {
    cwd: clone,
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });

async function readVersion(): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = version();
  const read = (stream: ChildProcess['stdout']): Promise<string> => (stream ? text(stream) : Promise.resolve(''));
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
}

const packages = (): number => (existsSync(modules) ? readdirSync(modules).length : 0);
const versionLine = /^qwenfleet \d+\.\d+\.\d+ \(Node 24\.\d+\.\d+, \S+\)\n$/;

describe('a fresh clone', () => {
  it('has nothing installed', () => {
    expect(packages()).toBe(0);
  });

  it('whose first command is killed while it sets up does not take that for done', async () => {
    const child = version();
    const exited = once(child, 'exit');
    await eventually(
      async () => packages(),
      (count) => count >= packagesAtKill,
      installWithinMs,
      5,
    );
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await exited;
    expect(existsSync(stamp)).toBe(false);
  });

  it('sets itself up at the next command, and runs on the Node that the lockfile pins', async () => {
    const { code, stdout, stderr } = await readVersion();
    expect(stderr).toMatch(/Installing dependencies.*\nInstalled dependencies in [\d.]+s\.\n$/);
    expect(stdout).toMatch(versionLine);
    expect(code).toBe(0);
    expect(existsSync(stamp)).toBe(true);
  });

  it('does nothing twice', async () => {
    const stamped = statSync(stamp).mtimeMs;
    const count = packages();
    const { code, stdout, stderr } = await readVersion();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(versionLine);
    expect([statSync(stamp).mtimeMs, packages()]).toEqual([stamped, count]);
  });

  it('leaves the clone as it was', () => {
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: clone, encoding: 'utf8' })).toBe('');
  });
});
