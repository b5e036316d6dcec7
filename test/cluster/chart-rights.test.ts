import { clusterRights, homeRights, integrationRights, servedRights, type Right } from '@qwenfleet/charts/rights';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chart, rendered } from '../harness/charts.ts';
import { allowed, everythingAllowed, type Question } from '../harness/cluster/access.ts';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { eventually } from '../harness/fleet.ts';
import { helm, helmMissing } from '../harness/helm.ts';
import { routerRules } from '../harness/router-role.ts';

const operator = 'system:serviceaccount:qwenfleet:qwenfleet';
/** An account without rights of its own: what it may do, everyone may. */
const nobody = 'system:serviceaccount:qwenfleet:default';

const atoms = (rights: readonly Right[]): string[] =>
  rights.flatMap(({ apiGroup, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${apiGroup}/${resource}`)),
  );
const asked = (rights: readonly Right[], namespace?: string): Question[] =>
  rights.flatMap(({ apiGroup, resources, verbs }) =>
    resources.flatMap((resource) =>
      verbs.map((verb) => ({ verb, apiGroup, resource, ...(namespace !== undefined && { namespace }) })),
    ),
  );
const served = [...servedRights, ...Object.values(integrationRights).flat()];

/** What nobody should be able to do through the operator, however it is installed. */
const never: Question[] = [
  { verb: 'create', apiGroup: '', resource: 'pods/exec', namespace: 'team-a' },
  { verb: 'create', apiGroup: '', resource: 'pods/portforward', namespace: 'team-a' },
  { verb: 'create', apiGroup: '', resource: 'pods', namespace: 'team-a' },
  { verb: 'delete', apiGroup: '', resource: 'pods', namespace: 'team-a' },
  { verb: 'create', apiGroup: '', resource: 'serviceaccounts/token', namespace: 'team-a' },
  { verb: 'create', apiGroup: '', resource: 'persistentvolumeclaims', namespace: 'team-a' },
  { verb: 'delete', apiGroup: 'qwenfleet.io', resource: 'qwendeployments', namespace: 'team-a' },
  { verb: 'patch', apiGroup: 'qwenfleet.io', resource: 'qwendeployments', namespace: 'team-a' },
  { verb: 'escalate', apiGroup: 'rbac.authorization.k8s.io', resource: 'roles', namespace: 'team-a' },
  { verb: 'bind', apiGroup: 'rbac.authorization.k8s.io', resource: 'roles', namespace: 'team-a' },
  { verb: 'create', apiGroup: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { verb: 'create', apiGroup: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { verb: 'patch', apiGroup: '', resource: 'nodes' },
  { verb: 'create', apiGroup: '', resource: 'namespaces' },
  { verb: 'patch', apiGroup: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  { verb: 'create', apiGroup: 'admissionregistration.k8s.io', resource: 'validatingwebhookconfigurations' },
  { verb: 'patch', apiGroup: 'qwenfleet.io', resource: 'hardwareclasses' },
  { verb: 'impersonate', apiGroup: '', resource: 'users' },
  { verb: 'get', apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-system' },
];

describe.skipIf((await clusterMissing) ?? (await helmMissing))('the rights of an installed operator', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
    for (const name of ['qwenfleet', 'team-a', 'team-b', 'team-c'])
      await kubectl(cluster, ['create', 'namespace', name]);
    await release('install', 'kinds', chart('qwenfleet-crds'));
  });
  afterAll(() => cluster?.stop());

  const release = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await helm([...args, '--kubeconfig', cluster.kubeconfig, '--namespace', 'qwenfleet']);
    if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
  };
  const installed = async (...values: string[]): Promise<void> =>
    release('upgrade', '--install', 'qwenfleet', chart('qwenfleet'), ...values);
  /** Everything it may in a namespace, that not everybody may. The authorizer learns of new roles by a watch. */
  const rightsIn = async (namespace: string, expected: string[]): Promise<string[]> => {
    const everybodys = await everythingAllowed(cluster, nobody, namespace);
    const own = async (): Promise<string[]> =>
      (await everythingAllowed(cluster, operator, namespace)).filter((right) => !everybodys.includes(right));
    const same = (seen: string[]): boolean => JSON.stringify(seen) === JSON.stringify(expected.toSorted());
    return eventually(own, same, 10_000, 250).catch(own);
  };
  const role = (name: string, rules: object[]): string =>
    JSON.stringify({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name, namespace: 'team-a' },
      rules,
    });
  const asOperator = (input: string): ReturnType<Cluster['kubectl']> =>
    cluster.kubectl(['--as', operator, 'apply', '--server-side', '--filename=-'], input);

  describe('in the whole cluster', () => {
    beforeAll(() => installed());

    it('are exactly those of the list, in any namespace', async () => {
      const expected = atoms([...served, ...clusterRights]);
      expect(await rightsIn('team-c', expected)).toEqual(expected.toSorted());
      const home = [...new Set([...expected, ...atoms(homeRights)])];
      expect(await rightsIn('qwenfleet', home)).toEqual(home.toSorted());
    });

    it('are enough, and hold none of what it must never do', async () => {
      const needed = [...asked(served, 'team-a'), ...asked(clusterRights), ...asked(homeRights, 'qwenfleet')];
      expect(await allowed(cluster, operator, needed)).toEqual(needed);
      expect(await allowed(cluster, operator, never)).toEqual([]);
    });

    it('let it make the Role of a router, and no Role that is more than its own', async () => {
      const rules = routerRules('router');
      expect(await asOperator(role('router', rules))).toMatchObject({ code: 0 });
      const exec = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] };
      const { code, stderr } = await asOperator(role('router', [...rules, exec]));
      expect(code).toBe(1);
      expect(stderr).toContain('attempting to grant RBAC permissions not currently held');
    });

    it('shrink with the integrations that are switched off', async () => {
      await installed('--set', 'integrations.keda=false,integrations.gatewayApi=false');
      const fewer = atoms([...served, ...clusterRights]).filter((right) => !/keda|gateway\.networking/.test(right));
      expect(await rightsIn('team-a', fewer)).toEqual(fewer.toSorted());
    });
  });

  describe('in two namespaces', () => {
    beforeAll(() => installed('--set', 'scope.namespaces={team-a,team-b}'));

    it('are the same there, and nothing elsewhere but reading hardware classes', async () => {
      const hardware = atoms([
        { why: '', apiGroup: 'qwenfleet.io', resources: ['hardwareclasses'], verbs: ['get', 'list', 'watch'] },
      ]);
      const there = [...atoms(served), ...hardware];
      for (const namespace of ['team-a', 'team-b']) expect(await rightsIn(namespace, there)).toEqual(there.toSorted());
      expect(await rightsIn('team-c', hardware)).toEqual(hardware);
      expect(await rightsIn('kube-system', hardware)).toEqual(hardware);
    });

    it('reach no secret of the others, no node, and none of what it must never do', async () => {
      const others: Question[] = ['qwenfleet', 'team-c', 'kube-system', undefined].map((namespace) => ({
        verb: 'get',
        apiGroup: '',
        resource: 'secrets',
        ...(namespace !== undefined && { namespace }),
      }));
      const nodes: Question[] = [{ verb: 'list', apiGroup: '', resource: 'nodes' }];
      expect(await allowed(cluster, operator, [...others, ...nodes, ...never])).toEqual([]);
    });

    it('still let it make the Role of a router', async () => {
      const rules = routerRules('router');
      expect(await asOperator(role('router', rules))).toMatchObject({ code: 0 });
    });

    it('are none in the cluster when hardware classes are not read', async () => {
      await installed(
        '--set',
        'scope.namespaces={team-a},scope.readHardwareClasses=false,hardwareClasses.create=false',
      );
      expect(await rightsIn('team-c', [])).toEqual([]);
      expect(await rightsIn('team-b', [])).toEqual([]);
      expect((await rightsIn('team-a', atoms(served))).length).toBe(atoms(served).length);
    });

    it('need no more than a namespace of whoever installs them', async () => {
      await release('uninstall', 'qwenfleet');
      // cluster-admin within team-a, and nobody outside
      await kubectl(cluster, [
        '-n',
        'team-a',
        'create',
        'rolebinding',
        'owner',
        '--clusterrole=cluster-admin',
        '--user=operator',
      ]);
      const { code, stderr } = await helm([
        'install',
        'qwenfleet',
        chart('qwenfleet'),
        '--kubeconfig',
        cluster.operatorKubeconfig,
        '--namespace=team-a',
        '--set=scope.namespaces={team-a},scope.readHardwareClasses=false,hardwareClasses.create=false',
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });
  });

  it('leave it to the roles of the cluster who may make a pool', async () => {
    await kubectl(cluster, ['-n', 'team-b', 'create', 'rolebinding', 'editor', '--clusterrole=edit', '--user=erin']);
    await kubectl(cluster, ['-n', 'team-b', 'create', 'rolebinding', 'viewer', '--clusterrole=view', '--user=vera']);
    const pools: Question[] = ['create', 'patch', 'delete', 'get'].map((verb) => ({
      verb,
      apiGroup: 'qwenfleet.io',
      resource: 'qwendeployments',
      namespace: 'team-b',
    }));
    const verbs = async (user: string): Promise<string> =>
      (await allowed(cluster, user, pools)).map(({ verb }) => verb).join(' ');
    // The cluster's controller adds the rules to its roles.
    await eventually(
      () => verbs('erin'),
      (may) => may === 'create patch delete get',
      30_000,
      250,
    );
    expect(await verbs('vera')).toBe('get');
    expect(await verbs('nobody')).toBe('');
  });

  it('are bound to the account that the pods run as', async () => {
    const objects = await rendered(['--set', 'serviceAccount.create=false,serviceAccount.name=given']);
    expect(objects.filter(({ kind }) => kind === 'ServiceAccount')).toEqual([]);
    const bindings = objects.filter(({ kind }) => kind.endsWith('RoleBinding') || kind === 'RoleBinding');
    const subject = { kind: 'ServiceAccount', name: 'given', namespace: 'qwenfleet' };
    expect(bindings.map(({ subjects }) => subjects)).toEqual([[subject], [subject]]);
  });
});
