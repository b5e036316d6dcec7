import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../house/imports.ts';
import { eventually } from './fleet.ts';

export type RunningRuntime = {
  /** Where it answers; rejects when it ended before it listened. */
  url: string;
  process: ChildProcess;
  /** Its log so far, one JSON object a line. */
  log: () => Record<string, unknown>[];
  exited: Promise<number | null>;
  cacheDir: string;
  /** Kills it when it still runs, and clears up. */
  dispose: () => Promise<void>;
};

export type RuntimeOptions = { env?: Record<string, string>; cacheDir?: string };

/** Starts `node runtime/main.ts --config FILE` as a pod would: alone, without a parent that speaks to it. */
export function spawnRuntime(config: object, options: RuntimeOptions = {}): Omit<RunningRuntime, 'url'> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-runtime-'));
  const cacheDir = options.cacheDir ?? path.join(folder, 'cache');
  const file = path.join(folder, 'runtime.json');
  writeFileSync(file, JSON.stringify({ servedName: 'tiny', cacheDir, ...config }));
  const child = spawn(process.execPath, ['runtime/main.ts', '--config', file], {
    cwd: root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  const log = (): Record<string, unknown>[] =>
    said
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    process: child,
    log,
    exited,
    cacheDir,
    dispose: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The same, once it listens, and once its model answers unless that is not waited for. */
export async function startRuntime(
  config: object,
  options: RuntimeOptions & { ready?: boolean } = {},
): Promise<RunningRuntime> {
  const runtime = spawnRuntime(config, options);
  let over = false;
  void runtime.exited.then(() => (over = true));
  const has = (message: string): Record<string, unknown> | undefined =>
    runtime.log().find(({ msg }) => msg === message);
  const wanted = options.ready === false ? 'listening' : 'ready';
  await eventually(
    async () => has(wanted) !== undefined || over,
    (done) => done,
    90_000,
    10,
  );
  const url = has('listening')?.['url'];
  if (over || typeof url !== 'string') {
    await runtime.dispose();
    throw new Error(`the runtime ended: ${JSON.stringify(runtime.log())}`);
  }
  return { ...runtime, url };
}
