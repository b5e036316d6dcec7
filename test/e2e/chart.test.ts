import path from 'node:path';
import { generateDashboardFiles } from '@qwenfleet/core/dashboards/registry';
import { parseFleet } from '@qwenfleet/crds/fleet-file';
import { generateCrds } from '@qwenfleet/crds/generate';
import { deploymentSchema, hardwareSchema, routerSchema } from '@qwenfleet/crds/kinds';
import { readOperatorConfig } from '@qwenfleet/operator/config';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor';
import { ValidatingAdmissionPolicy } from 'kubernetes-models/admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy';
import { ValidatingAdmissionPolicyBinding } from 'kubernetes-models/admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import { ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import { Role } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role';
import { RoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Pod } from 'kubernetes-models/v1/Pod';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  chart,
  manifestsOf,
  only,
  rendered,
  template,
  valueArgs,
  valueSets,
  type Manifest,
} from '../harness/charts.ts';
import { helm, helmMissing } from '../harness/helm.ts';
import { root } from '../house/imports.ts';

type Checkable = { validate(): void };
type Model = new (data: never) => Checkable; // each class takes the data of its own kind, which is what is checked here

const models: Record<string, Model> = {
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  Deployment,
  NetworkPolicy,
  Pod,
  PodDisruptionBudget,
  PodMonitor,
  Role,
  RoleBinding,
  Service,
  ServiceAccount,
  ServiceMonitor,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
};
const ours = { HardwareClass: hardwareSchema, QwenDeployment: deploymentSchema, QwenRouter: routerSchema } as const;
const isOurs = (kind: string): kind is keyof typeof ours => kind in ours;

/** Checks an object against the schema of its kind. Throws what is wrong with it, or that nobody knows the kind. */
function check(object: Manifest): void {
  if (isOurs(object.kind)) return void ours[object.kind].parse(object);
  const Known = models[object.kind];
  if (!Known) throw new Error(`no schema for ${object.kind}`);
  new Known(object as never).validate();
}

/** What a user reads after `helm install`, without a cluster. */
async function notes(args: readonly string[] = []): Promise<string> {
  const { stdout, stderr, code } = await helm([
    'install',
    'qwenfleet',
    chart('qwenfleet'),
    '--namespace=qwenfleet',
    '--dry-run=client',
    ...args,
  ]);
  if (code !== 0) throw new Error(stderr);
  return stdout.slice(stdout.indexOf('NOTES:'));
}

describe.skipIf(await helmMissing)('helm template', () => {
  it('of the standard values is what it was', async () => {
    const { stdout, stderr } = await template();
    expect(stderr).toBe('');
    await expect(stdout).toMatchFileSnapshot(path.join(root, 'test/fixtures/charts/standard-values.yaml'));
  });

  it.each(valueSets)('of %s is clean to lint, and every object fits the schema of its kind', async (set) => {
    const { stdout, code } = await helm(['lint', '--strict', chart('qwenfleet'), ...valueArgs(set)]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('0 chart(s) failed') });
    const objects = await rendered(valueArgs(set));
    expect(objects.length).toBeGreaterThan(5);
    for (const object of objects) expect(() => check(object), `${object.kind} ${object.metadata.name}`).not.toThrow();
  });

  it('has no two objects of one name', async () => {
    for (const set of valueSets) {
      const names = (await rendered(valueArgs(set))).map(
        ({ kind, metadata: { namespace, name } }) => `${kind} ${namespace ?? ''}/${name}`,
      );
      expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
    }
  });

  it('takes every image from the mirror, by digest where there is one', async () => {
    const text = JSON.stringify(await rendered(valueArgs('strict.yaml')));
    const images = [...text.matchAll(/"(?:image|value)":"([^"]*(?:qwenfleet\/|@sha256)[^"]*)"/g)].map(
      ([, image = '']) => image,
    );
    expect(images.toSorted()).toEqual([
      `registry.example.com/mirror/qwenfleet/operator@sha256:${'1'.repeat(64)}`,
      `registry.example.com/mirror/qwenfleet/router@sha256:${'2'.repeat(64)}`,
      `registry.example.com/mirror/qwenfleet/runtime@sha256:${'3'.repeat(64)}`,
    ]);
  });

  it('in two namespaces asks for nothing in the cluster', async () => {
    const objects = await rendered(valueArgs('two-namespaces.yaml'));
    expect(objects.filter(({ metadata }) => metadata.namespace === undefined)).toEqual([]);
    const roles = objects.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace ?? '');
    expect(roles.toSorted()).toEqual(['qwenfleet', 'team-a', 'team-b']);
    expect(JSON.stringify(only(objects, 'Deployment'))).toContain(
      '{"name":"QWENFLEET_NAMESPACES","value":"team-a,team-b"}',
    );
  });

  it('tells the operator what it cannot find out of its neighbours, and nothing that nobody said', async () => {
    // The part of a Deployment that is read here.
    type Workload = {
      spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
    };
    const told = async (...args: string[]): Promise<unknown> => {
      const { spec } = only(await rendered(args), 'Deployment') as unknown as Workload;
      const set = spec.template.spec.containers[0]?.env.find(({ name }) => name === 'QWENFLEET_INTEGRATIONS');
      return readOperatorConfig({ QWENFLEET_INTEGRATIONS: set?.value }).integrations;
    };
    expect(await told()).toEqual({});
    const gateway = 'neighbours.gateway.name=public,neighbours.gateway.namespace=gateways';
    expect(
      await told('--set', `${gateway},neighbours.endpointPicker.name=picker,metrics.monitorLabels.release=prometheus`),
    ).toEqual({
      monitorLabels: { release: 'prometheus' },
      gateway: { name: 'public', namespace: 'gateways' },
      endpointPicker: { name: 'picker', port: 9002 },
    });
  });

  it('brings every dashboard as it is, where and as Grafana looks for them', async () => {
    const set = ['namespace=monitoring', 'annotations.grafana_folder=Qwenfleet', 'create=true'];
    const objects = await rendered(set.flatMap((each) => ['--set', `dashboards.${each}`]));
    const maps = objects.filter(({ kind }) => kind === 'ConfigMap');
    const files = generateDashboardFiles();
    expect(maps).toHaveLength(files.size);
    for (const map of maps) {
      expect(() => check(map), map.metadata.name).not.toThrow();
      expect(map.metadata).toMatchObject({
        namespace: 'monitoring',
        labels: { grafana_dashboard: '1' },
        annotations: { grafana_folder: 'Qwenfleet' },
      });
      const [[name, text] = ['', '']] = Object.entries(map['data'] as Record<string, string>);
      const file = `charts/qwenfleet/dashboards/${name.replace('qwenfleet-', '')}`;
      expect(JSON.parse(text), name).toEqual(JSON.parse(files.get(file) ?? ''));
    }
  });

  it('leaves out a hardware class that is switched off or taken away, and changes one in one field', async () => {
    const classes = (objects: Manifest[]): string[] =>
      objects.filter(({ kind }) => kind === 'HardwareClass').map(({ metadata }) => metadata.name);
    const standard = classes(await rendered());
    expect(standard).toEqual(['cpu', 'nvidia-a100-80gb', 'nvidia-a10g', 'nvidia-h100', 'nvidia-l4']);
    const gpus = await rendered(valueArgs('gpu-fleet.yaml'));
    expect(classes(gpus)).toEqual(['cpu', 'nvidia-a100-80gb', 'nvidia-h100', 'nvidia-h100-1g-10gb', 'nvidia-l4']);
    expect(only(gpus, 'HardwareClass', 'nvidia-l4')).toMatchObject({
      spec: { pricePerHour: '0.71', accelerator: { resourceName: 'nvidia.com/gpu' } },
    });
    const without = await rendered(['--set', 'hardwareClasses.classes.nvidia-l4=null']);
    expect(classes(without)).toEqual(standard.filter((name) => name !== 'nvidia-l4'));
    expect(classes(await rendered(['--set', 'hardwareClasses.create=false']))).toEqual([]);
  });

  it('works as a part of another chart, which shares values of its own with it', async () => {
    const objects = await rendered(['--set', 'global.region=eu']);
    expect(objects.length).toBeGreaterThan(5);
  });

  it('gives names that fit, however long the name of the release', async () => {
    const name = 'a'.repeat(53);
    const { stdout } = await helm(['template', name, chart('qwenfleet'), '--namespace', 'b'.repeat(63)]);
    const names = manifestsOf(stdout).map(({ metadata }) => metadata.name);
    expect(names.filter((one) => one.length > 63 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(one))).toEqual([]);
  });

  it.each([
    ['replica=2', "at '': additional properties 'replica' not allowed"],
    ['images.operator.tagg=v1', "at '/images/operator': additional properties 'tagg' not allowed"],
    [
      'metrics.monitor=Podmonitor',
      "at '/metrics/monitor': value must be one of 'None', 'PodMonitor', 'ServiceMonitor'",
    ],
    [
      'hardwareClasses.classes.cpu.spec.price=1',
      "at '/hardwareClasses/classes/cpu/spec': additional properties 'price' not allowed",
    ],
    ['fleet.pools.small.tier=huge', "at '/fleet/pools/small/tier': value must be one of 'small', 'medium', 'large'"],
    ['fleet.pools.small.model.url=hf://x', "at '/fleet/pools/small/model': additional properties 'url' not allowed"],
  ])('refuses %s and says where and what', async (typo, message) => {
    const { code, stderr } = await template(['--set', typo]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it('refuses a fleet that nobody would serve', async () => {
    const args = ['--set', 'scope.namespaces={team-a},fleet.pools.small.tier=small'];
    expect((await template(args)).stderr).toContain('Set fleet.namespace to one of team-a.');
    const objects = await rendered([...args, '--set', 'fleet.namespace=team-a']);
    expect(only(objects, 'QwenRouter').metadata.namespace).toBe('team-a');
  });

  it('asks which entry of a Secret the test should show', async () => {
    const { stderr } = await template([...valueArgs('first-fleet.yaml'), '--set', 'test.apiKey.secretName=clients']);
    expect(stderr).toContain('test.apiKey.entry: which entry of the Secret is the key?');
  });
});

describe.skipIf(await helmMissing)('the notes after an install', () => {
  it('show a first fleet that our own reader takes', async () => {
    const said = await notes();
    expect(said).toContain('serves every namespace');
    const fleet = parseFleet(/<<'FLEET'\n([\s\S]*?)^FLEET$/m.exec(said)?.[1] ?? '', 'notes');
    expect(fleet.deployments.map(({ metadata }) => metadata.name)).toEqual(['small']);
  });

  it('show how to ask the fleet that came with it', async () => {
    const said = await notes([...valueArgs('first-fleet.yaml'), '--set', 'fleet.router.spec.listen.port=9000']);
    expect(said).toContain('kubectl -n qwenfleet port-forward service/qwen 8080:9000');
    expect(said).toContain('helm -n qwenfleet test qwenfleet');
    expect(said).not.toContain('FLEET');
  });

  it('name the namespaces that are served, and where a fleet would be seen', async () => {
    const said = await notes(valueArgs('two-namespaces.yaml'));
    expect(said).toContain('serves team-a, team-b');
    expect(said).toContain('kubectl -n team-a apply');
  });
});

describe.skipIf(await helmMissing)('the chart of the kinds', () => {
  const definitions = async (...args: string[]): Promise<Manifest[]> => {
    const { stdout, code, stderr } = await helm(['template', 'crds', chart('qwenfleet-crds'), ...args]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return manifestsOf(stdout).filter(({ kind }) => kind === 'CustomResourceDefinition');
  };
  const generated = [...generateCrds().values()].map((text): Manifest => parse(text));

  it('is clean to lint', async () => {
    expect((await helm(['lint', '--strict', chart('qwenfleet-crds')])).code).toBe(0);
  });

  it('is the generated definitions, with an annotation that keeps them', async () => {
    const kept = { 'helm.sh/resource-policy': 'keep' };
    expect(await definitions()).toEqual(
      expect.arrayContaining(generated.map((crd) => ({ ...crd, metadata: { ...crd.metadata, annotations: kept } }))),
    );
    expect(await definitions('--set', 'keep=false')).toEqual(expect.arrayContaining(generated));
    expect(await definitions()).toHaveLength(generated.length);
  });

  it('refuses a typo', async () => {
    const { code, stderr } = await helm(['template', 'crds', chart('qwenfleet-crds'), '--set', 'kept=false']);
    expect(code).toBe(1);
    expect(stderr).toContain("additional properties 'kept' not allowed");
  });
});
