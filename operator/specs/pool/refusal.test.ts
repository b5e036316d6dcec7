import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../capabilities.ts';
import { deploymentOf, everything, gpuClass, hardwareOf, planOf, type Setting } from '../harness/pool.ts';

const blocked = (spec: object, setting: Setting = {}) =>
  planOf(deploymentOf({ ...spec }), { hardwareClass: gpuClass, capabilities: everything, ...setting }).resolved.blocked;

describe('a pool that cannot be had', () => {
  it.each([
    ['more devices than a node has', { hardware: { class: 'gpu', count: 16 } }, {}, 'TooManyDevices'],
    [
      'more nodes than one, without LeaderWorkerSet',
      { hardware: { class: 'gpu', count: 2 }, parallelism: { tensor: 2, pipeline: 2 } },
      { capabilities: noCapabilities },
      'LeaderWorkerSetMissing',
    ],
    [
      'devices that the cluster cannot allocate',
      {},
      { hardwareClass: hardwareOf({ accelerator: { deviceClass: 'a' } }), capabilities: noCapabilities },
      'DynamicResourcesMissing',
    ],
    [
      'our engine over several devices',
      { engine: { type: 'qwen' }, hardware: { class: 'gpu', count: 2 }, parallelism: { tensor: 2, pipeline: 2 } },
      {},
      'NotSupported',
    ],
    ['Triton with a checkpoint', { engine: { type: 'triton' } }, {}, 'NotSupported'],
  ])('asks for %s', (_what, spec, setting, reason) => {
    expect(blocked(spec, setting)).toMatchObject({ condition: 'WorkloadAvailable', reason });
  });

  it.each([
    ['a label', { scheduling: { nodeSelector: { 'a b': 'c' } } }, 'scheduling.nodeSelector'],
    ['a priority class', { scheduling: { priorityClassName: 'A!' } }, 'scheduling.priorityClassName'],
    ['a queue', { scheduling: { queueName: 'a b' } }, 'scheduling.queueName'],
    ['a toleration without a key', { scheduling: { tolerations: [{ value: 'a' }] } }, 'scheduling.tolerations[0]'],
    ['a taint', { scheduling: { tolerations: [{ key: '!' }] } }, 'scheduling.tolerations[0]'],
    [
      'a toleration of everything with a value',
      { scheduling: { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] } },
      'scheduling.tolerations[0]',
    ],
    [
      'a toleration that ends and never begins',
      { scheduling: { tolerations: [{ key: 'a', operator: 'Exists', tolerationSeconds: 1 }] } },
      'scheduling.tolerations[0]',
    ],
    ['a variable with two values', { engine: { env: [{ name: 'A', value: 'a', valueFrom: {} }] } }, 'engine.env'],
    ['an image', { engine: { image: 'a b' } }, 'engine.image'],
    ['a Secret', { model: { uri: 'hf://a/b', secretRef: { name: 'A' } } }, 'model.secretRef.name'],
    [
      'an entry of a Secret',
      { model: { uri: 'hf://a/b', secretRef: { name: 'a', key: '..' } } },
      'model.secretRef.key',
    ],
    ['a patch', { podTemplate: { spec: { containers: [{ image: 'a' }] } } }, 'spec.podTemplate.spec.containers'],
  ])('has %s that no pod may have, and says where', (_what, spec, path) => {
    const found = blocked(spec);
    expect(found).toMatchObject({ condition: 'WorkloadAvailable', reason: 'InvalidSpec' });
    expect(found?.message).toContain(path);
  });

  it.each([
    ['resource', { accelerator: { resourceName: 'gpu' } }],
    ['device class', { accelerator: { deviceClass: 'A B' } }],
    ['label', { nodeSelector: { a: '!' } }],
    ['image', { engines: [{ type: 'qwen', image: '' }] }],
  ])('is on a hardware class whose %s cannot be, and names the class', (_what, spec) => {
    expect(blocked({}, { hardwareClass: hardwareOf(spec, 'odd') })?.message).toContain('HardwareClass odd');
  });

  it('is on a hardware class that nobody has made', () => {
    const found = planOf(deploymentOf({ hardware: { class: 'h200' } }), { capabilities: everything }).resolved.blocked;
    expect(found).toMatchObject({ reason: 'HardwareClassMissing', message: expect.stringContaining('"h200"') });
  });

  it('does not hinder an external server, which needs none of it', () => {
    expect(
      blocked({ engine: { type: 'external', url: 'http://a' }, scheduling: { queueName: 'a b' } }),
    ).toBeUndefined();
  });
});
