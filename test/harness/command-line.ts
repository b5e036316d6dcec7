import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../house/imports.ts';
import { cacheDir } from './fleet.ts';

export type Said = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };
export type Command = { process: ChildProcess; stdout: () => string; stderr: () => string; ended: Promise<Said> };

/** Added to this process's own; undefined takes a variable away. */
export type Environment = Record<string, string | undefined>;

/** A state folder where no fleet runs. */
const noFleet = mkdtempSync(path.join(tmpdir(), 'qwenfleet-no-fleet-'));

/** Runs a program of this house as a shell would, with its output piped. */
export function start(program: string, args: readonly string[], env: Environment = {}): Command {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, QWENFLEET_CACHE: cacheDir, QWENFLEET_STATE: noFleet, ...env },
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const ended: Promise<Said> = once(child, 'close').then(([code, signal]) => ({ code, signal, ...said }));
  return { process: child, stdout: () => said.stdout, stderr: () => said.stderr, ended };
}

/** `qwenfleet ...` without npm around it. */
export const qwenfleet = (args: readonly string[], env?: Environment): Command =>
  start(process.execPath, ['cli/main.ts', ...args], env);
