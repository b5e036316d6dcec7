import { describe, expect, it } from 'vitest';
import { uriSchemes } from '@qwenfleet/crds/qwendeployment/model';
import { noCapabilities } from '../capabilities.ts';
import { deploymentOf, gpuClass, planOf, poolFor, type Setting } from '../harness/pool.ts';
import { workloadOf } from '../pool/workload.ts';
import { podSchemes } from './registry.ts';

const imageVolumes = { ...noCapabilities, imageVolumes: true };
const examples: Readonly<Record<string, string>> = {
  hf: 'hf://Qwen/Qwen3-0.6B',
  s3: 's3://bucket/models/qwen',
  pvc: 'pvc://weights/qwen',
  oci: 'oci://example.com/qwen:1',
  https: 'https://example.com/qwen.gguf',
  wheel: 'wheel://qwen@1.0/qwen/model.gguf',
  file: 'file:///models/qwen',
};

const poolOn = (type: 'qwen' | 'vllm', model: object, spec: object = {}, setting: Setting = {}) =>
  poolFor(deploymentOf({ engine: { type, image: 'engine:1' }, model, ...spec }), {
    capabilities: imageVolumes,
    ...setting,
  });
const on = (...input: Parameters<typeof poolOn>) => poolOn(...input).weights;

function podOn(...input: Parameters<typeof poolOn>) {
  const workload = workloadOf(poolOn(...input));
  return workload.kind === 'Deployment' ? workload.template.spec : undefined;
}

const blockedBy = (spec: object, capabilities = noCapabilities) =>
  planOf(deploymentOf({ ...spec }), { capabilities, hardwareClass: gpuClass }).resolved.blocked;

/** The promises of every kind of address. */
describe.each(podSchemes)('weights at %s://', (scheme) => {
  const uri = examples[scheme] ?? '';

  it('are told to our runtime as an address that it reads', () => {
    const { location, initContainers } = on('qwen', { uri });
    expect(location).toMatch(/^(hf|s3|https|wheel|file):\/\/.+/);
    expect(initContainers).toEqual([]);
  });

  it('are told to an engine that knows paths as a path, or as an id of the hub', () => {
    expect(on('vllm', { uri }).location).toMatch(scheme === 'hf' ? /^Qwen\/Qwen3-0.6B$/ : /^\/[a-z]+\/.+/);
  });

  it('leave no volume unmounted, and no mount without a volume', () => {
    for (const engine of ['qwen', 'vllm'] as const) {
      const { volumes, mounts } = on(engine, { uri });
      expect(volumes.map(({ name }) => name)).toEqual(mounts.map(({ name }) => name));
    }
  });

  it('need no way out of the pod where they are in the cluster already', () => {
    const inside = ['pvc', 'oci', 'file'].includes(scheme);
    expect(on('qwen', { uri }).egress).toEqual(inside ? [] : [443]);
  });
});

describe('an init container that pulls', () => {
  it('brings weights to a path that is known before, checks them and uses our own image', () => {
    const model = { uri: examples['https'], verify: { sha256: 'a'.repeat(64) } };
    const { location, initContainers } = on('vllm', model);
    expect(initContainers[0]).toMatchObject({ name: 'pull', image: 'qwenfleet/runtime:test' });
    expect(initContainers[0]?.args).toEqual([
      '--uri',
      examples['https'],
      '--dir',
      '/var/cache/qwenfleet',
      '--link',
      location,
      '--sha256',
      'a'.repeat(64),
    ]);
    expect(location).toMatch(/^\/var\/cache\/qwenfleet\/links\/[0-9a-f]{16}\.gguf$/);
  });

  it('is needed for the hub too, where a digest must hold or one file of many is meant', () => {
    const uri = 'hf://Qwen/Qwen3-0.6B';
    expect(on('vllm', { uri }).initContainers).toHaveLength(0);
    expect(on('vllm', { uri, verify: { sha256: 'b'.repeat(64) } }).initContainers).toHaveLength(1);
    const file = on('vllm', { uri: `${uri}/q4.gguf`, revision: 'v1' });
    expect(file.location).toMatch(/\.gguf$/);
    expect(file.initContainers[0]?.args).toContain('v1');
    expect(file).not.toHaveProperty('revision');
  });

  it('links other weights elsewhere, for the cache may be shared', () => {
    const link = (revision: string) => on('vllm', { uri: 's3://bucket/a', revision }).location;
    expect(link('1')).not.toBe(link('2'));
    expect(link('1')).toBe(link('1'));
  });

  it('has what the source asks for', () => {
    const engine = { type: 'vllm', env: [{ name: 'HF_ENDPOINT', value: 'http://mirror:8080' }] };
    const model = { uri: 'hf://a/b/c.gguf', secretRef: { name: 'hub' } };
    const { initContainers, egress } = on('vllm', model, { engine });
    expect(initContainers[0]?.env).toEqual(
      expect.arrayContaining([
        { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hub', key: 'token' } } },
        { name: 'HF_ENDPOINT', value: 'http://mirror:8080' },
      ]),
    );
    expect(egress).toEqual([443, 8080]);
  });
});

describe('weights in a bucket', () => {
  it('take keys from the Secret, and its endpoint where it has one', () => {
    const { env, egress } = on('qwen', { uri: 's3://a/b', secretRef: { name: 'bucket' } });
    expect(env.map(({ name, valueFrom }) => [name, valueFrom?.secretKeyRef?.optional ?? false])).toEqual([
      ['AWS_ACCESS_KEY_ID', false],
      ['AWS_SECRET_ACCESS_KEY', false],
      ['AWS_SESSION_TOKEN', true],
      ['AWS_REGION', true],
      ['AWS_ENDPOINT_URL', true],
    ]);
    expect(egress).toBe('any');
  });

  it('reach an endpoint that the environment names, and only that', () => {
    const at = (variable: object) =>
      on('qwen', { uri: 's3://a/b' }, { engine: { type: 'qwen', env: [variable] } }).egress;
    expect(at({ name: 'AWS_ENDPOINT_URL', value: 'http://minio:9000' })).toEqual([443, 9000]);
    expect(at({ name: 'AWS_ENDPOINT_URL', valueFrom: { configMapKeyRef: {} } })).toBe('any');
    expect(at({ name: 'OTHER', value: 'http://minio:9000' })).toEqual([443]);
  });
});

describe('weights on a claim', () => {
  it('are mounted so that nothing can change them', () => {
    const { volumes, mounts, location } = on('qwen', { uri: 'pvc://weights/qwen/3 %' });
    expect(volumes).toEqual([{ name: 'model', persistentVolumeClaim: { claimName: 'weights', readOnly: true } }]);
    expect(mounts).toEqual([{ name: 'model', mountPath: '/mnt/model', readOnly: true }]);
    expect(decodeURIComponent(location)).toBe('file:///mnt/model/qwen/3 %');
  });

  it('are the whole claim where no path is given', () => {
    expect(on('vllm', { uri: 'pvc://weights' }).location).toBe('/mnt/model');
  });

  it.each(['pvc://A', 'pvc:///path', 'pvc://weights/../other', 'pvc://weights//x'])('are refused at %s', (uri) => {
    expect(blockedBy({ model: { uri } })).toMatchObject({ condition: 'ModelResolved', reason: 'InvalidAddress' });
  });
});

describe('weights in an image', () => {
  it('are mounted by the kubelet, at a tag or a digest', () => {
    const image = (revision?: string) =>
      on('qwen', { uri: 'oci://example.com/qwen', ...(revision ? { revision } : {}) }).volumes[0]?.image?.reference;
    expect(image()).toBe('example.com/qwen');
    expect(image('v1')).toBe('example.com/qwen:v1');
    expect(image(`sha256:${'c'.repeat(64)}`)).toBe(`example.com/qwen@sha256:${'c'.repeat(64)}`);
  });

  it('may be a folder of it', () => {
    expect(on('qwen', { uri: 'oci://qwen#models/a' }).mounts).toEqual([
      { name: 'model', mountPath: '/mnt/model', readOnly: true, subPath: 'models/a' },
    ]);
  });

  it('of a private registry come with its credentials', () => {
    const pod = podOn('qwen', { uri: 'oci://example.com/qwen', secretRef: { name: 'registry' } });
    expect(pod?.imagePullSecrets).toEqual([{ name: 'registry' }]);
  });

  it('are refused by a cluster that cannot mount them', () => {
    const spec = { model: { uri: 'oci://example.com/qwen' } };
    expect(blockedBy(spec)).toMatchObject({ condition: 'ModelResolved', reason: 'ImageVolumesMissing' });
    expect(blockedBy(spec, imageVolumes)).toBeUndefined();
  });
});

describe('weights in the container', () => {
  it('need somebody to have put them there', () => {
    const model = { uri: 'file:///models/qwen' };
    expect(blockedBy({ model })).toMatchObject({ condition: 'ModelResolved', reason: 'NotMounted' });
    expect(blockedBy({ model, engine: { image: 'with-weights:1' } })).toBeUndefined();
    expect(blockedBy({ model, podTemplate: { spec: {} } })).toBeUndefined();
  });
});

describe('the cache', () => {
  const volume = (cache: object) =>
    podOn('qwen', { uri: 'hf://a/b' }, { cache })?.volumes?.find(({ name }) => name === 'cache');

  it.each([
    ['each pod', {}, { emptyDir: {} }],
    ['each pod, up to a size', { sizeLimit: '20Gi' }, { emptyDir: { sizeLimit: '20Gi' } }],
    ['a claim', { mode: 'Shared', pvcRef: { name: 'w' } }, { persistentVolumeClaim: { claimName: 'w' } }],
    ['local volumes', { mode: 'Node', pvcRef: { name: 'w' } }, { persistentVolumeClaim: { claimName: 'w' } }],
    ['each pod, for a node has no place that a pod may use', { mode: 'Node' }, { emptyDir: {} }],
  ])('is in %s', (_what, cache, wanted) => {
    expect(volume(cache)).toEqual({ name: 'cache', ...wanted });
  });

  it('of a node is not what it says, and says so', () => {
    const { notActedOn } = planOf(deploymentOf({ cache: { mode: 'Node' } })).resolved;
    expect(notActedOn).toContainEqual({ path: 'spec.cache.mode', reason: expect.stringContaining('each pod pulls') });
  });

  it('that is shared needs a claim', () => {
    expect(blockedBy({ cache: { mode: 'Shared' } })).toMatchObject({ condition: 'ModelCached', reason: 'NoClaim' });
  });
});

it('every scheme that a QwenDeployment may name is known to pods', () => {
  expect([...podSchemes].toSorted()).toEqual([...uriSchemes].toSorted());
});
