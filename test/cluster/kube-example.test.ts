import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { eventually } from '../harness/fleet.ts';
import { root } from '../house/imports.ts';

describe.skipIf(await clusterMissing)("the controller in kube's README", () => {
  let cluster: Cluster;
  let child: ChildProcess;
  beforeAll(async () => {
    cluster = await startCluster();
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
    child = spawn(process.execPath, [path.join(root, 'kube/example.ts')], { env, stdio: ['ignore', 1, 2] });
  });
  afterAll(async () => {
    child?.kill('SIGKILL');
    await cluster?.stop();
  });

  const kubectl = async (...args: string[]): Promise<string> => (await cluster.kubectl(args)).stdout;
  const team = (wanted: string): Promise<string> =>
    eventually(
      () => kubectl('get', 'configmap', '-n', 'a', 'team', '-o', 'jsonpath={.data.team}'),
      (seen) => seen === wanted,
      60_000,
    );

  it('makes what is missing, mends what was changed, follows its source, and writes nothing at rest', async () => {
    await kubectl('create', 'namespace', 'a');
    await kubectl('label', 'namespace', 'a', 'team=red');
    await team('red');
    await kubectl('delete', 'configmap', '-n', 'a', 'team');
    await team('red');
    await kubectl('patch', 'configmap', '-n', 'a', 'team', '--patch', '{"data": {"team": "hacked"}}');
    await team('red');
    await kubectl('label', '--overwrite', 'namespace', 'a', 'team=blue');
    await team('blue');
    const writes = (): number => cluster.audit().filter(({ uri }) => uri.includes('fieldManager=teams')).length;
    const written = writes();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect([written >= 4, writes()]).toEqual([true, written]);
  });

  it('ends by itself when it is told to', async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});
