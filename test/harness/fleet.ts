import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../house/imports.ts';

/** Weights and graphs that tests share, so that a second run only maps files. */
export const cacheDir = process.env['QWENFLEET_CACHE'] ?? path.join(root, '.cache/qwenfleet');

export type PoolStatus = {
  name: string;
  tier: string;
  status: 'ready' | 'starting' | 'scaled-to-zero' | 'unavailable';
  ready: number;
  desired: number;
  starting: number;
  inFlight: number;
  held: number;
};

export type RunningFleet = {
  url: string;
  port: number;
  stateDir: string;
  /** Everything that the command has printed so far. */
  stdout: () => string;
  stderr: () => string;
  process: ChildProcess;
  exited: Promise<number | null>;
  pools: () => Promise<PoolStatus[]>;
  /** Ctrl-C, and waits until the command is gone. Returns how long it took. */
  stop: () => Promise<number>;
};

export type FleetOptions = {
  args?: string[];
  env?: Record<string, string>;
  readyWithinMs?: number;
  /** For fleets whose pools will never be ready: go on once the endpoint answers. */
  untilListening?: boolean;
};

/**
 * Runs `qwenfleet up` as a user would, in a process of its own, and waits until it has printed where to chat.
 * Throws with everything the command said when it ends first.
 */
export async function startFleet(options: FleetOptions = {}): Promise<RunningFleet> {
  const port = await freePort();
  const stateDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-state-'));
  const args = ['cli/main.ts', 'up', '--port', String(port), ...(options.args ?? ['--profile', 'demo'])];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, QWENFLEET_CACHE: cacheDir, QWENFLEET_STATE: stateDir, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  const url = `http://127.0.0.1:${port}`;
  const fleet: RunningFleet = {
    url,
    port,
    stateDir,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    process: child,
    exited,
    pools: async () => ((await (await fetch(`${url}/v1/pools`)).json()) as { pools: PoolStatus[] }).pools,
    stop: async () => {
      const startedMs = performance.now();
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      await exited;
      rmSync(stateDir, { recursive: true, force: true });
      return performance.now() - startedMs;
    },
  };
  const answers = (): Promise<boolean> =>
    fetch(`${url}/health/live`).then(
      (response) => response.ok,
      () => false,
    );
  const greeted = async (): Promise<boolean> => /curl /.test(fleet.stdout());
  await untilReady(fleet, options.untilListening ? answers : greeted, options.readyWithinMs ?? 150_000);
  return fleet;
}

async function untilReady(fleet: RunningFleet, ready: () => Promise<boolean>, withinMs: number): Promise<void> {
  const startedMs = performance.now();
  let over: number | null | undefined;
  void fleet.exited.then((code) => (over = code));
  while (!(await ready())) {
    const waitedMs = performance.now() - startedMs;
    if (over !== undefined || waitedMs > withinMs) {
      fleet.process.kill('SIGKILL');
      throw new Error(`the fleet did not start (${over ?? `${waitedMs} ms`}):\n${fleet.stdout()}\n${fleet.stderr()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Polls until the condition is true. Throws with the last state when it is not within the time. */
export async function eventually<T>(
  look: () => Promise<T>,
  done: (seen: T) => boolean,
  withinMs: number,
  everyMs = 50,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (done(seen)) return seen;
    if (performance.now() > deadlineMs)
      throw new Error(`not within ${withinMs} ms; last seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** A port that is free now, from the kernel. */
export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
