import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { root } from '../../house/imports.ts';
import { command } from '../command.ts';
import { buildTestbed, testbedCache } from './testbed.ts';

/** Programs that up.sh and build.sh call, and what brings them. */
const tools = [
  { name: 'go', remedy: 'install Go 1.25 or later' },
  { name: 'openssl', remedy: 'install openssl' },
  { name: 'flock', remedy: 'install util-linux' },
] as const;

/**
 * Why no cluster can run here, in one line with the remedy; undefined once everything is built. Builds when it has to,
 * so the first call on a machine takes minutes.
 */
export const clusterMissing: Promise<string | undefined> = whyNoCluster().then((why) =>
  said('the cluster suites', why),
);

async function whyNoCluster(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'a control plane runs on Linux only; use a Linux machine or a container';
  for (const { name, remedy } of tools) if (!(await isInstalled(name))) return `there is no ${name}; ${remedy}`;
  try {
    await buildTestbed(await testbedCache());
    return undefined;
  } catch (error) {
    return `Kubernetes could not be built; see why with test/harness/cluster/testbed/build.sh DIR: ${String(error)}`;
  }
}

let node: Promise<string | undefined> | undefined;

/** Why no real node can run here; installs Debian's packages for it where a script may do that. */
export function nodeMissing(): Promise<string | undefined> {
  node ??= whyNoNode().then((why) => said('suites on a real node', why));
  return node;
}

async function whyNoNode(): Promise<string | undefined> {
  const cluster = await clusterMissing;
  if (cluster !== undefined) return cluster;
  if (process.arch !== 'x64') return 'its images are made for x86-64; use such a machine';
  if (process.getuid?.() !== 0) return 'a real node needs root for its namespaces; run the tests as root';
  const child = spawn(process.execPath, ['scripts/cluster-node.ts'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0 ? undefined : 'containerd and its kin are not installed; node scripts/cluster-node.ts says more';
}

async function isInstalled(name: string): Promise<boolean> {
  const { code } = await command('sh', ['-c', `command -v ${name}`]);
  return code === 0;
}

function said(what: string, why: string | undefined): string | undefined {
  if (why !== undefined) process.stderr.write(`SKIPPED: ${what}, for ${why}\n`);
  return why;
}
