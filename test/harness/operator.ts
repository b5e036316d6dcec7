import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../house/imports.ts';
import type { Cluster } from './cluster/cluster.ts';
import { freePort } from './fleet.ts';
import { startReady, type ReadyProcess } from './ready-process.ts';

export type RunningOperator = Omit<ReadyProcess, 'end'> & {
  metricsUrl: string;
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

/**
 * Runs the operator as its image does, but as a process of this machine, and waits until it is ready: from the house, or
 * from a folder that has been laid down like the image.
 */
export async function startOperator(
  cluster: Pick<Cluster, 'kubeconfig'>,
  env: Record<string, string> = {},
  folder?: string,
): Promise<RunningOperator> {
  const port = await freePort();
  const metricsUrl = `http://127.0.0.1:${port}`;
  const own = {
    KUBECONFIG: cluster.kubeconfig,
    QWENFLEET_METRICS_HOST: '127.0.0.1',
    QWENFLEET_METRICS_PORT: String(port),
    QWENFLEET_LEASE_NAMESPACE: 'default',
  };
  const where = folder === undefined ? {} : { folder };
  const { end, ...started } = await startReady(entrypoint(), metricsUrl, { env: { ...own, ...env }, ...where });
  return { ...started, metricsUrl, stop: () => end('SIGTERM'), kill: async () => void (await end('SIGKILL')) };
}
