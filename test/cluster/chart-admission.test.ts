import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chart, example, only, rendered, valueArgs } from '../harness/charts.ts';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import type { Outcome } from '../harness/command.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { eventually } from '../harness/fleet.ts';
import { helm, helmMissing } from '../harness/helm.ts';

describe.skipIf((await clusterMissing) ?? (await helmMissing))('what a strict cluster lets in', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    await gpuNodes(cluster, { name: 'node', resource: 'nvidia.com/gpu', count: 1, nodes: 2 });
    for (const name of ['qwenfleet', 'default-team', 'research', 'payments'])
      await kubectl(cluster, ['create', 'namespace', name]);
    await kubectl(cluster, [
      'label',
      'namespace',
      '--all',
      'pod-security.kubernetes.io/enforce=restricted',
      '--overwrite',
    ]);
    await release('install', 'kinds', chart('qwenfleet-crds'));
  });
  afterAll(() => cluster?.stop());

  const release = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await helm([
      ...args,
      '--kubeconfig',
      cluster.kubeconfig,
      '--namespace',
      'qwenfleet',
      '--timeout=3m',
    ]);
    if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
  };
  const apply = (object: object, ...args: string[]): Promise<Outcome> =>
    cluster.kubectl(['apply', '--server-side', '--filename=-', ...args], JSON.stringify(object));

  describe('pods, where security is restricted', () => {
    it('refuses a pod that asks for nothing special, so what follows means something', async () => {
      const spec = { containers: [{ name: 'plain', image: 'none' }] };
      const { stderr } = await apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'plain', namespace: 'qwenfleet' },
        spec,
      });
      expect(stderr).toContain('violates PodSecurity "restricted:latest"');
    });

    it('takes the pods of the operator, and runs two of them on two nodes', async () => {
      await release('install', 'qwenfleet', chart('qwenfleet'), '--wait', '--set=replicas=2');
      const nodes = await kubectl(cluster, [
        '-n',
        'qwenfleet',
        'get',
        'pods',
        '--output=jsonpath={.items[*].spec.nodeName}',
      ]);
      expect(nodes.split(' ').toSorted()).toEqual(['node-0', 'node-1']);
    });

    it('takes the pod of helm test without a warning', async () => {
      const pod = only(await rendered(valueArgs('first-fleet.yaml')), 'Pod');
      const { code, stderr } = await apply(pod, '--dry-run=server');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });
  });

  describe('weights, where their addresses are listed', () => {
    const pool = (namespace: string, spec: object): object => ({
      apiVersion: 'qwenfleet.io/v1alpha1',
      kind: 'QwenDeployment',
      metadata: { name: 'pool', namespace },
      spec: { tier: 'small', hardware: { class: 'cpu' }, ...spec },
    });
    const from = (namespace: string, uri: string): object => pool(namespace, { model: { uri } });
    const refusal = async (object: object): Promise<string> => (await apply(object, '--dry-run=server')).stderr;

    beforeAll(async () => {
      // Of strict.yaml, what concerns weights: the mirror and the monitors of that cluster are not here.
      await release(
        'upgrade',
        'qwenfleet',
        chart('qwenfleet'),
        '--values',
        example('strict.yaml'),
        '--set=metrics.monitor=None,replicas=1',
      );
      // The API server takes a moment to enforce a new policy.
      await eventually(
        () => refusal(from('payments', 'hf://Qwen/Qwen3-0.6B')),
        (said) => said !== '',
        60_000,
        250,
      );
    });

    it.each([
      ['default-team', 'hf://Qwen/Qwen3-0.6B'],
      ['research', 'hf://somebody/else'],
      ['research', 's3://research-models/qwen'],
    ])('lets %s take %s', async (namespace, uri) => {
      expect(await refusal(from(namespace, uri))).toBe('');
    });

    it.each([
      ['default-team', 'hf://somebody/else'],
      ['default-team', 'hf://Qwen/../somebody/else'],
      ['default-team', 'hf://Qwen/%2E%2e/somebody/else'],
      ['default-team', 'hf://Qwen/\\../somebody/else'],
      ['research', 's3://research-models-of-others/qwen'],
      ['payments', 'hf://Qwen/Qwen3-0.6B'],
    ])('does not let %s take %s', async (namespace, uri) => {
      const said = await refusal(from(namespace, uri));
      expect(said).toContain(`weights may not come from ${uri} in namespace ${namespace}; `);
      expect(said).toContain('Forbidden');
    });

    it('says what is allowed instead', async () => {
      expect(await refusal(from('research', 'https://example.com/x'))).toContain(
        'allowed are addresses that begin with hf:// or s3://research-models/',
      );
      expect(await refusal(from('payments', 'hf://Qwen/Qwen3-0.6B'))).toContain('no address is allowed there');
    });

    it('looks at adapters and at lists of digests too', async () => {
      const model = { uri: 'hf://Qwen/Qwen3-0.6B' };
      const adapters = [{ name: 'support', uri: 's3://elsewhere/support' }];
      expect(await refusal(pool('default-team', { model, adapters }))).toContain(
        'may not come from s3://elsewhere/support',
      );
      const verify = { sha256Manifest: 'https://elsewhere/sums' };
      expect(await refusal(pool('default-team', { model: { ...model, verify } }))).toContain(
        'may not come from https://elsewhere/sums',
      );
    });

    it('has nothing to say of a server that runs elsewhere', async () => {
      const engine = { type: 'external', url: 'http://10.0.0.7:8000' };
      expect(await refusal(pool('payments', { model: { servedName: 'x' }, engine, hardware: undefined }))).toBe('');
    });

    it('holds for changes, but not against the end of what was there before', async () => {
      const before = from('payments', 'hf://Qwen/Qwen3-0.6B');
      await release('upgrade', 'qwenfleet', chart('qwenfleet'), '--set=admissionPolicy.create=false');
      await eventually(
        () => refusal(before),
        (said) => said === '',
        60_000,
        250,
      );
      const held = { ...before, metadata: { name: 'pool', namespace: 'payments', finalizers: ['example.com/held'] } };
      expect((await apply(held)).stderr).toBe('');
      await release('upgrade', 'qwenfleet', chart('qwenfleet'), '--set=admissionPolicy.create=true');
      const change = (): Promise<Outcome> =>
        cluster.kubectl([
          '-n',
          'payments',
          'patch',
          'qwendeployment',
          'pool',
          '--type=merge',
          '--patch={"spec":{"paused":true}}',
        ]);
      await eventually(change, ({ code }) => code !== 0, 60_000, 250);
      await kubectl(cluster, ['-n', 'payments', 'delete', 'qwendeployment', 'pool', '--wait=false']);
      await kubectl(cluster, [
        '-n',
        'payments',
        'patch',
        'qwendeployment',
        'pool',
        '--type=merge',
        '--patch={"metadata":{"finalizers":null}}',
      ]);
      expect(await kubectl(cluster, ['-n', 'payments', 'get', 'qwendeployments', '--output=name'])).toBe('');
    });
  });
});
