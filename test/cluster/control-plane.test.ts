import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { eventually } from '../harness/fleet.ts';
import { processes } from '../harness/processes.ts';
import { root } from '../house/imports.ts';

const of = (dataDir: string): string[] =>
  processes()
    .map(({ command }) => command)
    .filter((command) => command.includes(dataDir));

describe.skipIf(await clusterMissing)('a real control plane for tests', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return stdout;
  };

  it('answers kubectl, and says what went wrong', async () => {
    expect(await kubectl('get', '--raw', '/readyz')).toBe('ok');
    const { code, stderr } = await cluster.kubectl(['get', 'configmap', 'nowhere']);
    expect(code).toBe(1);
    expect(stderr).toContain('configmaps "nowhere" not found');
  });

  it('tells who wrote what', async () => {
    await kubectl('create', 'configmap', 'audited', '--from-literal=key=value');
    const lines = cluster.audit().filter(({ objectRef }) => objectRef?.name === 'audited');
    expect(lines).toMatchObject([
      { user: 'admin', verb: 'create', code: 201, objectRef: { resource: 'configmaps', namespace: 'default' } },
    ]);
    expect(lines[0]?.uri).toContain('/api/v1/namespaces/default/configmaps');
  });

  it('refuses the operator whatever was not bound to it', async () => {
    const { code, stderr } = await cluster.kubectl([
      '--kubeconfig',
      cluster.operatorKubeconfig,
      'get',
      'configmap',
      'audited',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('User "operator" cannot get resource "configmaps"');
  });

  it('schedules pods on fake GPUs until there are none left', async () => {
    const names = await gpuNodes(cluster, {
      name: 'l4',
      resource: 'nvidia.com/gpu',
      count: 1,
      nodes: 2,
      labels: { 'example.com/gpu': 'l4' },
    });
    expect(names).toEqual(['l4-0', 'l4-1']);
    const pod = (name: string): object => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'gpu' } },
      spec: {
        nodeSelector: { 'example.com/gpu': 'l4' },
        containers: [{ name: 'engine', image: 'none', resources: { limits: { 'nvidia.com/gpu': '1' } } }],
      },
    });
    const items = ['one', 'two', 'three'].map(pod);
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    const template = '{range .items[*]}{.status.phase} {end}';
    const phases = async (): Promise<string[]> =>
      (await kubectl('get', 'pods', '-l', 'app=gpu', '-o', `jsonpath=${template}`)).trim().split(' ').toSorted();
    expect(
      await eventually(phases, (seen) => seen.filter((phase) => phase === 'Running').length === 2, 60_000),
    ).toEqual(['Pending', 'Running', 'Running']);
  });

  it('loses its API server and gets it back with everything in it', async () => {
    await cluster.kill('apiserver');
    expect((await cluster.kubectl(['get', 'configmaps', '--request-timeout=5s'])).code).toBe(1);
    await cluster.start('apiserver');
    const ready = async (): Promise<number> => (await cluster.kubectl(['get', '--raw', '/readyz'])).code;
    await eventually(ready, (code) => code === 0, 120_000, 200);
    expect(await kubectl('get', 'configmap', 'audited', '-o', 'jsonpath={.data.key}')).toBe('value');
  });

  it('leaves nothing behind', async () => {
    expect(of(cluster.dataDir).length).toBeGreaterThan(4);
    await cluster.stop();
    expect(of(cluster.dataDir)).toEqual([]);
    expect(existsSync(cluster.dataDir)).toBe(false);
  });
});

describe.skipIf(await clusterMissing)('a test process that is killed', () => {
  it('takes its cluster with it', async () => {
    const module = JSON.stringify(path.join(root, 'test/harness/cluster/cluster.ts'));
    const script = `const { startCluster } = await import(${module}); process.stdout.write((await startCluster()).dataDir); setInterval(() => {}, 1000)`;
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(owner.stdout, 'data')) as [Buffer];
    const dataDir = chunk.toString();
    expect(of(dataDir).some((command) => command.includes('apiserver'))).toBe(true);
    owner.kill('SIGKILL');
    await eventually(
      async () => of(dataDir),
      (left) => left.length === 0 && !existsSync(dataDir),
      30_000,
    );
  });
});
