import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../house/imports.ts';
import type { Cluster } from './cluster/cluster.ts';
import { eventually, freePort } from './fleet.ts';

export type RunningOperator = {
  process: ChildProcess;
  metricsUrl: string;
  log: () => string;
  /** Its exit code, once it has ended. */
  exited: Promise<number | null>;
  /** SIGTERM, and waits for its end. Returns its exit code. */
  stop: () => Promise<number | null>;
  kill: () => Promise<void>;
};

/** What its image runs after `node`. */
function entrypoint(): string[] {
  const text = readFileSync(path.join(root, 'images/operator/Dockerfile'), 'utf8');
  // Written by scripts/images as Docker reads it, in JSON.
  const [, ...args] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(text)?.[1] ?? '[]') as string[];
  return args;
}

/** Runs the operator as its image does, but as a process of this machine, and waits until it is ready. */
export async function startOperator(
  cluster: Pick<Cluster, 'kubeconfig'>,
  env: Record<string, string> = {},
): Promise<RunningOperator> {
  const port = await freePort();
  const child = spawn(process.execPath, entrypoint(), {
    cwd: root,
    env: {
      ...process.env,
      KUBECONFIG: cluster.kubeconfig,
      QWENFLEET_METRICS_HOST: '127.0.0.1',
      QWENFLEET_METRICS_PORT: String(port),
      QWENFLEET_LEASE_NAMESPACE: 'default',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-200_000)));
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  const metricsUrl = `http://127.0.0.1:${port}`;
  const ready = (): Promise<boolean> =>
    fetch(`${metricsUrl}/health/ready`).then(
      (response) => response.ok,
      () => false,
    );
  const isUp = async (): Promise<boolean> => (child.exitCode === null ? ready() : Promise.reject(new Error(said)));
  await eventually(isUp, Boolean, 60_000).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  return {
    process: child,
    metricsUrl,
    log: () => said,
    exited,
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
  };
}
