import path from 'node:path';
import { root } from '../house/imports.ts';
import type { Cluster } from './cluster/cluster.ts';
import { startReady } from './ready-process.ts';

export type RunningRouter = { url: string; log: () => string; stop: () => Promise<void> };

/** The port on which every router listens in its pod. */
const listenPort = 8080;

/** Runs a router of a QwenRouter as a process of this machine, as its pod would, and waits until it is ready. */
export async function startRouter(cluster: Pick<Cluster, 'kubeconfig'>, name: string): Promise<RunningRouter> {
  const args = ['--discovery', 'kube', '--config-secret', `${name}-config`, '--namespace', 'default'];
  const url = `http://127.0.0.1:${listenPort}`;
  const env = { KUBECONFIG: cluster.kubeconfig };
  const { log, end } = await startReady([path.join(root, 'router/main.ts'), ...args], url, { env });
  return { url, log, stop: async () => void (await end('SIGKILL')) };
}
