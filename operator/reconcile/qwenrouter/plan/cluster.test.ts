import type { Secret } from '@qwenfleet/crds/kinds';
import { routerConfigSchema } from '@qwenfleet/core/fleet/router-config';
import fc from 'fast-check';
import type { IDeploymentSpec } from 'kubernetes-models/apps/v1/DeploymentSpec';
import type { INetworkPolicySpec } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicySpec';
import type { IPolicyRule } from 'kubernetes-models/rbac.authorization.k8s.io/v1/PolicyRule';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../../../specs/capabilities.ts';
import { anyDeployment, anyRouter } from '../../../specs/harness/arbitrary.ts';
import { deploymentOf, everything, ofKind, planOf, readFixture } from '../../../specs/harness/pool.ts';
import { problemsOf } from '../../../specs/harness/validate.ts';
import type { KubeObject } from '../../../specs/object.ts';
import type { PlannedPool } from './pools.ts';
import { clusterRouter, type ClusterRouterInput } from './cluster.ts';
import { poolsMax } from '@qwenfleet/core/fleet/router-config';

const { router: fixture, secrets } = readFixture('router');
if (!fixture) throw new Error('the fixture has no QwenRouter');

const poolOf = (spec: object = {}, name = 'chat'): PlannedPool => {
  const deployment = deploymentOf({ ...spec }, name);
  return { deployment, resolved: planOf(deployment).resolved };
};
const external = poolOf({ engine: { type: 'external', url: 'https://example.com:8443' } }, 'hosted');

const input = (more: Partial<ClusterRouterInput> = {}): ClusterRouterInput => ({
  router: fixture,
  pools: [poolOf()],
  hardwareClasses: [],
  secrets,
  image: 'qwenfleet/router:test',
  capabilities: noCapabilities,
  integrations: {},
  ...more,
});
const objects = (more: Partial<ClusterRouterInput> = {}) => clusterRouter(input(more)).objects;

type ConfigSecret = KubeObject<{ data: Record<string, string> }>;
const configOf = (found: readonly KubeObject[]) => {
  const { data } = ofKind(found, 'Secret') as ConfigSecret;
  return routerConfigSchema.parse(JSON.parse(Buffer.from(data['config.json'] ?? '', 'base64').toString()));
};
const podOf = (found: readonly KubeObject[]) => ofKind<{ spec: IDeploymentSpec }>(found, 'Deployment').spec.template;

describe('a router in a cluster', () => {
  it('is in fixtures/router.yaml', async () => {
    const found = objects({ pools: [poolOf(), external], capabilities: everything });
    expect(found.flatMap(problemsOf)).toEqual([]);
    const text = found.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
    await expect(text).toMatchFileSnapshot('../../../specs/fixtures/router.yaml');
  });

  it('is told its pools in a Secret, at the address of a pod', () => {
    const config = configOf(objects());
    expect(config.listen).toEqual({ host: '0.0.0.0', port: 8080 });
    expect(config.pools.map(({ name }) => name)).toEqual(['chat']);
  });

  it('is told the same whatever order its pools come in, as they do when the operator starts anew', () => {
    const pools = [poolOf({}, 'b'), external, poolOf({}, 'a')];
    expect(objects({ pools: pools.toReversed() })).toEqual(objects({ pools }));
    expect(configOf(objects({ pools })).pools.map(({ name }) => name)).toEqual(['a', 'b', 'hosted']);
  });

  it('has digests of clients’ keys, and no key', () => {
    const found = objects();
    expect(configOf(found).keys).toEqual([{ id: 'alice', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    expect(
      Buffer.from((ofKind(found, 'Secret') as ConfigSecret).data['config.json'] ?? '', 'base64').toString(),
    ).not.toContain('sk-alice');
  });

  it('restarts for no change of its configuration, nor of its port', () => {
    const changed = {
      ...fixture,
      spec: { ...fixture.spec, listen: { port: 9999 }, timeouts: { ...fixture.spec.timeouts, idle: '7s' } },
    };
    const [before, after] = [
      objects(),
      objects({ router: changed, pools: [poolOf({ quantization: 'int8' }), external] }),
    ];
    expect(configOf(after)).not.toEqual(configOf(before));
    expect(podOf(after)).toEqual(podOf(before));
    expect(ofKind<{ spec: { ports: object[] } }>(after, 'Service').spec.ports[0]).toMatchObject({
      port: 9999,
      targetPort: 'http',
    });
  });

  it('may read where pools answer and its own Secret, and wake a pool: nothing else', () => {
    const { rules } = ofKind<{ rules: IPolicyRule[] }>(objects(), 'Role');
    const rights = rules.flatMap(({ apiGroups = [], resources = [], verbs }) =>
      resources.map((resource) => `${apiGroups.join()}/${resource} ${verbs.join()}`),
    );
    expect(rights).toEqual([
      'discovery.k8s.io/endpointslices get,list,watch',
      'qwenfleet.io/qwendeployments get,list,watch',
      '/secrets get,list,watch',
      'apps/deployments/scale get,patch',
    ]);
    expect(rules.find(({ resources }) => resources?.includes('secrets'))?.resourceNames).toEqual(['router-config']);
  });

  it('may wake replicas over several nodes where there are such', () => {
    const { rules } = ofKind<{ rules: IPolicyRule[] }>(objects({ capabilities: everything }), 'Role');
    expect(rules.map(({ resources }) => resources?.join())).toContain('leaderworkersets/scale');
  });

  it('begins by watching, and never leaves before another is there', () => {
    const { spec } = ofKind<{ spec: IDeploymentSpec }>(objects(), 'Deployment');
    expect(spec.strategy?.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    expect(spec.replicas).toBe(2);
    const [container] = spec.template.spec?.containers ?? [];
    expect([...(container?.command ?? []), ...(container?.args ?? [])].join(' ')).toBe(
      'node router/main.ts --discovery kube --config-secret router-config --namespace fleet',
    );
    expect(spec.template.spec).toMatchObject({ automountServiceAccountToken: true, terminationGracePeriodSeconds: 50 });
  });

  it('reaches its pools, the API server and external servers, and nothing else', () => {
    const { egress } = ofKind<{ spec: INetworkPolicySpec }>(
      objects({ pools: [poolOf(), external] }),
      'NetworkPolicy',
    ).spec;
    expect(egress?.[0]).toMatchObject({ ports: [{ port: 8000 }] });
    expect(egress?.at(-1)?.ports?.map(({ port }) => port)).toEqual([443, 6443, 8443]);
  });

  it('is behind a gateway where an installation names one', () => {
    const integrations = { gateway: { name: 'public', namespace: 'gateways' } };
    const kinds = (more: Partial<ClusterRouterInput>) => objects(more).map(({ kind }) => kind);
    expect(kinds({ capabilities: everything, integrations })).toContain('HTTPRoute');
    expect(kinds({ integrations })).not.toContain('HTTPRoute');
    expect(kinds({ capabilities: everything })).not.toContain('HTTPRoute');
  });
});

describe('a router without anything to tell', () => {
  it.each([
    ['no pool', []],
    ['too many pools', Array.from({ length: poolsMax + 1 }, (_, at) => poolOf({}, `p${at}`))],
  ])('keeps what it was told before: %s', (_what, pools) => {
    const { plan, objects: found, prune } = clusterRouter(input({ pools }));
    expect(plan).toBeUndefined();
    expect(prune).toBe(false);
    expect(found.map(({ kind }) => kind)).not.toContain('Secret');
    expect(found.map(({ kind }) => kind)).toContain('Deployment');
  });

  it('takes no names away from a pool that is called the same', () => {
    const found = clusterRouter(input({ pools: [poolOf({}, 'router')] }));
    expect(found).toMatchObject({ nameConflict: true, objects: [], prune: false });
  });

  it('is left alone while it is paused', () => {
    const router = { ...fixture, spec: { ...fixture.spec, paused: true } };
    expect(clusterRouter(input({ router }))).toMatchObject({ objects: [], prune: false });
  });
});

describe('any router that the API server accepts', () => {
  it('becomes objects that the API server accepts, the same ones each time', () => {
    const pools = fc.uniqueArray(anyDeployment, { maxLength: 3, selector: ({ metadata }) => metadata.name });
    fc.assert(
      fc.property(anyRouter, pools, fc.boolean(), (router, deployments, rich) => {
        const planned = deployments.map((deployment) => ({ deployment, resolved: planOf(deployment).resolved }));
        const setting = input({
          router,
          pools: planned,
          secrets: [] as Secret[],
          ...(rich ? { capabilities: everything } : {}),
        });
        const { objects: found } = clusterRouter(setting);
        expect(found.flatMap(problemsOf)).toEqual([]);
        expect(clusterRouter(structuredClone(setting)).objects).toEqual(found);
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
