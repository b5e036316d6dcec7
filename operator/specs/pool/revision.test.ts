import { describe, expect, it } from 'vitest';
import { digestOf } from '../canonical.ts';
import { deploymentOf, gpuClass, hardwareOf, poolFor, readFixture, type Setting } from '../harness/pool.ts';
import { newRecord } from './record.ts';

const revision = (spec: object, setting: Setting = {}) => poolFor(deploymentOf({ ...spec }), setting).revision;
const plain = revision({});

/**
 * Two digests for each example.
 *
 * `revision` is what users pay for: when one of these changes, an upgrade of the operator replaces every pod of every
 * pool, through a rollout that nobody asked for. Never change one. A new field must be left out of the digest while it
 * has its default, and what the built-in hardware class gives to pods must stay.
 *
 * `pods` is what the newest operator writes into pods. It may change with a release: pools keep the pods that their
 * revision began with, and the next revision gets the new ones. The change belongs into the release notes.
 */
const golden = [
  { name: 'cpu-small', revision: 'f9e623465c', pods: '96cc031c37' },
  { name: 'l4-int8', revision: 'f00f5d0c7b', pods: '9373c6e637' },
  { name: 'vllm-8-gpu', revision: '7cce10706a', pods: '62a0f07825' },
];

describe('an upgrade of the operator', () => {
  it.each(golden)('restarts no pod of $name', (wanted) => {
    const { deployment, hardwareClass } = readFixture(wanted.name);
    if (!deployment) throw new Error('the fixture has no QwenDeployment');
    const pool = poolFor(deployment, hardwareClass ? { hardwareClass } : {});
    expect(pool.revision).toBe(wanted.revision);
    expect(digestOf(newRecord(pool).workload)).toBe(wanted.pods);
  });

  it('that brings other images changes no revision', () => {
    const images = { qwen: 'newer', vllm: 'newer', triton: 'newer' };
    expect(poolFor(deploymentOf(), { images }).revision).toBe(plain);
  });
});

describe('a revision', () => {
  it.each([
    ['the weights', { model: { uri: 'hf://Qwen/Qwen3-1.7B' } }],
    ['their version', { model: { uri: 'hf://Qwen/Qwen3-0.6B', revision: 'v2' } }],
    ['their Secret', { model: { uri: 'hf://Qwen/Qwen3-0.6B', secretRef: { name: 'a' } } }],
    ['their digest', { model: { uri: 'hf://Qwen/Qwen3-0.6B', verify: { sha256: 'a'.repeat(64) } } }],
    ['their name', { model: { uri: 'hf://Qwen/Qwen3-0.6B', servedName: 'other' } }],
    ['the precision', { quantization: 'int8' }],
    ['the engine', { engine: { type: 'vllm' } }],
    ['its image', { engine: { image: 'other' } }],
    ['its arguments', { engine: { args: ['--a'] } }],
    ['its environment', { engine: { env: [{ name: 'A', value: 'b' }] } }],
    ['its limits', { engine: { contextLength: 4096 } }],
    ['the devices', { hardware: { class: 'cpu', count: 2 } }],
    ['the cache', { cache: { mode: 'Shared', pvcRef: { name: 'a' } } }],
    ['where pods may run', { scheduling: { nodeSelector: { a: 'b' } } }],
    ['how pods end', { drain: { gracePeriod: '10m' } }],
    ['how long pods may start', { rollout: { progressDeadline: '2h' } }],
    ['the pod itself', { podTemplate: { spec: { hostname: 'a' } } }],
  ])('is another one when somebody changes %s', (_what, spec) => {
    expect(revision(spec)).not.toBe(plain);
  });

  it.each([
    ['how many replicas there are', { replicas: 7 }],
    ['how they are scaled', { scaling: { minReplicas: 0, maxReplicas: 9 } }],
    ['other names of the model', { model: { uri: 'hf://Qwen/Qwen3-0.6B', aliases: ['a'] } }],
    ['what waits while there is no replica', { coldStart: { maxQueued: 7 } }],
    ['how requests are sent', { routing: { strategy: 'LeastLoad' } }],
    ['what alerts there are', { slo: { availability: '99' } }],
    ['how a rollout goes', { rollout: { maxSurge: 2, revisionHistoryLimit: 9 } }],
    ['which queue admits it', { scheduling: { queueName: 'a' } }],
    ['whether it is suspended', { suspend: true }],
  ])('is the same when somebody changes %s', (_what, spec) => {
    expect(revision(spec)).toBe(plain);
  });

  it('is another one when the hardware class gives pods something else, and not when it only costs less', () => {
    const on = (spec: object) =>
      revision({ hardware: { class: 'gpu' } }, { hardwareClass: hardwareOf({ ...gpuClass.spec, ...spec }) });
    expect(on({ pricePerHour: '1', description: 'cheaper' })).toBe(on({}));
    expect(on({ tolerations: [{ operator: 'Exists' }] })).not.toBe(on({}));
    expect(on({ engines: [{ type: 'qwen', image: 'pinned' }] })).not.toBe(on({}));
    expect(on({ engines: [{ type: 'vllm', image: 'of another engine' }] })).toBe(on({}));
  });

  it('is a valid part of a name and of a label', () => {
    expect(plain).toMatch(/^[0-9a-f]{10}$/);
  });
});
