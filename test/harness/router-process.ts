import { spawn } from 'node:child_process';
import path from 'node:path';
import { root } from '../house/imports.ts';
import type { Cluster } from './cluster/cluster.ts';
import { eventually } from './fleet.ts';

export type RunningRouter = { url: string; log: () => string; stop: () => Promise<void> };

/** The port on which every router listens in its pod. */
const listenPort = 8080;

/** Runs a router of a QwenRouter as a process of this machine, as its pod would, and waits until it is ready. */
export async function startRouter(cluster: Pick<Cluster, 'kubeconfig'>, name: string): Promise<RunningRouter> {
  const args = ['--discovery', 'kube', '--config-secret', `${name}-config`, '--namespace', 'default'];
  const child = spawn(process.execPath, [path.join(root, 'router/main.ts'), ...args], {
    cwd: root,
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-100_000)));
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const url = `http://127.0.0.1:${listenPort}`;
  const ready = (): Promise<boolean> =>
    child.exitCode === null
      ? fetch(`${url}/health/ready`).then(
          ({ ok }) => ok,
          () => false,
        )
      : Promise.reject(new Error(said));
  await eventually(ready, Boolean, 60_000);
  return {
    url,
    log: () => said,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
