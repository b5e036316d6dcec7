import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chart, example, rendered, valueArgs, valueSets, type Manifest } from '../harness/charts.ts';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { eventually } from '../harness/fleet.ts';
import { helm, helmMissing } from '../harness/helm.ts';
import type { Outcome } from '../harness/command.ts';

/** Kinds that come and go by themselves. */
const restless = /^(events|events\.events\.k8s\.io|leases\.coordination\.k8s\.io|controllerrevisions\.apps)$/;

describe.skipIf((await clusterMissing) ?? (await helmMissing))('the charts on a cluster', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    await gpuNodes(cluster, { name: 'node', resource: 'nvidia.com/gpu', count: 8 });
    for (const namespace of ['qwenfleet', 'team-a', 'team-b']) await kubectl('create', 'namespace', namespace);
  });
  afterAll(() => cluster?.stop());

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const release = (verb: string, name: string, ...args: string[]): Promise<Outcome> =>
    helm([verb, name, '--kubeconfig', cluster.kubeconfig, '--namespace', 'qwenfleet', '--timeout', '3m', ...args]);
  const must = async (...args: Parameters<typeof release>): Promise<string> => {
    const { code, stdout, stderr } = await release(...args);
    if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  /** Every object of the cluster, by kind and name. */
  const everything = async (): Promise<string[]> => {
    const kinds = (await kubectl('api-resources', '--verbs=list', '--output=name')).trim().split('\n');
    const lasting = kinds.filter((kind) => !restless.test(kind)).join(',');
    const format = 'custom-columns=NS:.metadata.namespace,API:.apiVersion,KIND:.kind,NAME:.metadata.name';
    return (await kubectl('get', lasting, '--all-namespaces', '--no-headers', '--output', format)).trim().split('\n');
  };
  const leftOver = async (before: readonly string[]): Promise<string[]> =>
    (await everything()).filter((object) => !before.includes(object));

  it('the operator without the kinds is refused, in words that say so', async () => {
    const before = await everything();
    const { code, stderr } = await release('install', 'qwenfleet', chart('qwenfleet'));
    expect(code).toBe(1);
    expect(stderr).toContain('no matches for kind "HardwareClass" in version "qwenfleet.io/v1alpha1"');
    expect(stderr).toContain('ensure CRDs are installed first');
    expect(await leftOver(before)).toEqual([]);
  });

  it('the kinds install, and stay when their release goes and comes again', async () => {
    await kubectl('create', 'namespace', 'kinds');
    const install = (): Promise<string> => must('install', 'kinds', chart('qwenfleet-crds'), '--namespace', 'kinds');
    await install();
    const established = ['wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all'];
    expect((await kubectl(...established)).match(/condition met/g)).toHaveLength(3);
    await must('uninstall', 'kinds', '--namespace', 'kinds');
    expect(await kubectl('get', 'crd', '--output=name')).toContain('qwendeployments.qwenfleet.io');
    expect(await kubectl('get', 'clusterrole', '--output=name')).not.toContain('qwenfleet-edit');
    await install();
    expect(await kubectl('explain', 'qwendeployment.spec.tier')).toContain('Which pool of the router');
  });

  it.each(valueSets)('the API server takes every object of %s, and knows every field', async (set) => {
    const objects = (await rendered(valueArgs(set))).filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.'));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { code, stdout, stderr } = await cluster.kubectl(
      ['apply', '--server-side', '--dry-run=server', '--validate=strict', '--filename=-'],
      list,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/\(server dry run\)/g)).toHaveLength(objects.length);
  });

  it('that is no empty promise: one unknown field is refused', async () => {
    const [deployment] = (await rendered()).filter(({ kind }) => kind === 'Deployment');
    const wrong = JSON.stringify({ ...deployment, spec: { ...(deployment?.['spec'] as object), replica: 1 } });
    const { stderr } = await cluster.kubectl(
      ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'],
      wrong,
    );
    expect(stderr).toContain('.spec.replica: field not declared in schema');
  });

  it('a release comes up, changes, goes back, and leaves nothing', async () => {
    const before = await everything();
    const values = ['--values', example('first-fleet.yaml')];
    await must('install', 'qwenfleet', chart('qwenfleet'), '--wait', ...values);
    const deployment = async (): Promise<Manifest & { spec: { replicas: number } }> =>
      JSON.parse(await kubectl('-n', 'qwenfleet', 'get', 'deployment', 'qwenfleet', '--output=json'));
    expect((await deployment()).spec.replicas).toBe(1);
    const made = (await leftOver(before)).map((line) => line.split(/ +/).slice(2).join(' '));
    expect(made).toEqual(
      expect.arrayContaining([
        'QwenRouter qwen',
        'QwenDeployment small',
        'QwenDeployment medium',
        'HardwareClass nvidia-l4',
      ]),
    );

    await must('upgrade', 'qwenfleet', chart('qwenfleet'), '--wait', ...values, '--set=replicas=2,log.level=debug');
    const changed = await deployment();
    expect(changed.spec.replicas).toBe(2);
    expect(JSON.stringify(changed.spec)).toContain('{"name":"QWENFLEET_LOG","value":"debug"}');
    expect(await kubectl('-n', 'qwenfleet', 'get', 'pdb', '--output=name')).toContain('/qwenfleet');
    await must('upgrade', 'qwenfleet', chart('qwenfleet'), '--wait', ...values, '--set=replicas=2,log.level=debug');
    expect((await deployment()).metadata['generation']).toBe(changed.metadata['generation']);

    await must('rollback', 'qwenfleet', '1', '--wait');
    expect((await deployment()).spec.replicas).toBe(1);
    expect(await kubectl('-n', 'qwenfleet', 'get', 'pdb', '--output=name')).toBe('');

    await must('uninstall', 'qwenfleet', '--wait');
    await eventually(
      () => leftOver(before),
      (left) => left.length === 0,
      60_000,
      500,
    );
  });

  it('the fleet that the notes show is one that the cluster takes', async () => {
    const said = await must('install', 'qwenfleet', chart('qwenfleet'), '--wait');
    expect(said).not.toContain('kinds are not installed');
    const fleet = /<<'FLEET'\n([\s\S]*?)^FLEET$/m.exec(said)?.[1] ?? '';
    const { code, stdout, stderr } = await cluster.kubectl(
      ['-n', 'qwenfleet', 'apply', '--validate=strict', '-f', '-'],
      fleet,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe('qwenrouter.qwenfleet.io/qwen created\nqwendeployment.qwenfleet.io/small created\n');
    await must('uninstall', 'qwenfleet', '--wait');
    expect(await kubectl('-n', 'qwenfleet', 'get', 'qwenrouters', '--output=name')).toBe(
      'qwenrouter.qwenfleet.io/qwen\n',
    );
  });

  it('two releases of one name in two namespaces do not meet', async () => {
    const args = ['--set', 'hardwareClasses.create=false,scope.namespaces={team-a}'];
    await must(
      'install',
      'qwenfleet',
      chart('qwenfleet'),
      '--wait',
      '--set',
      'scope.namespaces={team-b},hardwareClasses.create=true',
    );
    await must('install', 'qwenfleet', chart('qwenfleet'), '--wait', ...args, '--namespace', 'team-a');
    const label = 'app.kubernetes.io/instance=qwenfleet';
    expect(await kubectl('get', 'clusterroles', '--selector', label, '--output=name')).toBe(
      'clusterrole.rbac.authorization.k8s.io/qwenfleet-qwenfleet\nclusterrole.rbac.authorization.k8s.io/team-a-qwenfleet\n',
    );
    for (const namespace of ['team-a', 'qwenfleet'])
      await must('uninstall', 'qwenfleet', '--wait', '--namespace', namespace);
  });
});
