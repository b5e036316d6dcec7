import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { command, type CommandOptions, type Outcome } from '../command.ts';
import { readAudit, type AuditLine } from './audit.ts';
import { clusterMissing, nodeMissing } from './missing.ts';
import { script, testbedCache } from './testbed.ts';

export { clusterMissing, nodeMissing } from './missing.ts';

export type Component = 'etcd' | 'apiserver' | 'controllers' | 'scheduler' | 'kwok' | 'node';

export type Cluster = {
  /** Of an administrator. */
  kubeconfig: string;
  /** Of a user `operator`, who may do nothing until rights are bound to it. */
  operatorKubeconfig: string;
  /** A log for each component, audit.jsonl, containerd's socket. Gone after stop(). */
  dataDir: string;
  kubectl: (args: readonly string[], input?: string) => Promise<Outcome>;
  /** SIGKILL; returns when the component is gone. */
  kill: (component: Component) => Promise<void>;
  /** Starts a killed component again as it was; returns at once. */
  start: (component: Component) => Promise<void>;
  /** Every write since the beginning. */
  audit: () => AuditLine[];
  /** Ends it all: no process, mount, interface, cgroup or file is left. May be called twice. */
  stop: () => Promise<void>;
};

/**
 * Starts a real control plane with kwok's fake nodes, and with `node` also a real node, on ports of its own; `niceness`
 * has it give way to others, as nice(1) does. It ends with this process, however that ends. Throws with the end of the
 * logs when it does not come up.
 */
export async function startCluster(options: { node?: boolean; niceness?: number } = {}): Promise<Cluster> {
  const missing = await (options.node ? nodeMissing() : clusterMissing);
  if (missing !== undefined) throw new Error(`no cluster can run here: ${missing}`);
  const bin = await testbedCache();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-cluster-'));
  const args = [bin, dataDir, ...(options.node ? ['--node'] : [])];
  // Its standard input is what it lives by. In a session of its own, Ctrl-C in a terminal does not reach it.
  const keeper = spawn(script('keep.sh'), args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => keeper.on('close', () => resolve()));
  if (options.niceness !== undefined) giveWay(keeper, options.niceness);
  await greeting(keeper);
  keeper.unref();

  const up = async (...upArgs: string[]): Promise<void> => {
    const { code, stderr } = await command(script('up.sh'), upArgs);
    if (code !== 0) throw new Error(`up.sh ${upArgs.join(' ')} ended with ${code}: ${stderr}`);
  };
  const kubeconfig = path.join(dataDir, 'admin.kubeconfig');
  return {
    kubeconfig,
    operatorKubeconfig: path.join(dataDir, 'operator.kubeconfig'),
    dataDir,
    kubectl: (kubectlArgs, input) =>
      command(path.join(bin, 'kubebox'), ['kubectl', '--kubeconfig', kubeconfig, ...kubectlArgs], {
        ...(input === undefined ? {} : { input }),
        env: kubectlEnvironment(dataDir),
      } satisfies CommandOptions),
    kill: (component) => up('kill', dataDir, component),
    start: (component) => up('start', dataDir, component),
    audit: () => readAudit(dataDir),
    stop: async () => {
      // Whoever has nothing else to do still waits for this.
      keeper.ref();
      keeper.stdin?.end();
      await ended;
    },
  };
}

/** Has a session give way to others, as nice(1) does. Between sessions, Linux weighs nothing else: sched(7), autogroup. */
function giveWay({ pid = 0 }: ChildProcess, niceness: number): void {
  const file = `/proc/${pid}/autogroup`;
  if (existsSync(file)) writeFileSync(file, String(niceness));
  setPriority(pid, niceness);
}

/** kubectl keeps what it learnt of the server, and its own settings, in the home folder unless told otherwise. */
export const kubectlEnvironment = (dataDir: string): NodeJS.ProcessEnv => ({
  ...process.env,
  KUBECACHEDIR: path.join(dataDir, 'kubectl-cache'),
  KUBERC: 'off',
});

/** Waits for the line that up.sh ends with, or for its failure. */
function greeting(keeper: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    keeper.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-8000)));
    keeper.stdout?.once('data', () => resolve());
    keeper.on('error', reject);
    keeper.on('close', (code) => reject(new Error(`the cluster did not start (${code}):\n${said}`)));
  });
}
