import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf } from '../../harness/objects.ts';
import { localSubstrate } from '../../local/substrate.ts';
import { planDeployment, type DeploymentPlan } from './plan.ts';

type Fields = Record<string, unknown>;

const plan = (spec: Fields = {}): DeploymentPlan =>
  planDeployment({
    deployment: deploymentOf(spec),
    hardwareClass: cpuClass,
    substrate: localSubstrate,
    cacheDir: '/cache',
  });

const zero = { minReplicas: 0, maxReplicas: 3 };

describe('how many replicas a pool begins with, whether it scales, and whether a request wakes it', () => {
  it.each<[string, Fields, number, boolean, boolean]>([
    ['without a word about it', {}, 1, false, false],
    ['of a fixed number', { replicas: 3 }, 3, false, false],
    ['of none', { replicas: 0 }, 0, false, false],
    ['that may reach zero', { scaling: zero }, 1, true, true],
    ['that keeps two', { scaling: { minReplicas: 2, maxReplicas: 3 } }, 2, true, false],
    [
      'that a schedule may take to zero',
      { scaling: { minReplicas: 1, schedules: [{ start: '20:00', end: '06:00', minReplicas: 0 }] } },
      1,
      true,
      true,
    ],
    ['that only recommends', { scaling: { ...zero, mode: 'Recommend' } }, 1, true, false],
    ['that somebody else scales', { scaling: { ...zero, owner: 'KEDA' } }, 1, false, false],
    ['that is suspended', { scaling: zero, suspend: true }, 0, false, false],
    ['that is paused', { scaling: zero, paused: true }, 0, false, false],
    ['whose engine does not run here', { scaling: zero, engine: { type: 'vllm' } }, 0, false, false],
    ['whose weights cannot be read here', { scaling: zero, model: { uri: 'oci://a/b' } }, 0, false, false],
  ])('a pool %s', (_, spec, initialReplicas, isScaled, wakeable) => {
    const found = plan(spec);
    expect({ ...found, scale: found.scale !== undefined }).toMatchObject({
      initialReplicas,
      scale: isScaled,
      wakeable,
    });
  });
});

describe('what runs', () => {
  it('is one runtime configuration and its revision', () => {
    expect(plan({ quantization: 'int8' }).runtime).toMatchObject({
      config: { servedName: 'small', quantization: 'int8', cacheDir: '/cache' },
      revision: expect.stringMatching(/^[0-9a-f]{10}$/),
    });
  });

  it.each<[string, Fields]>([
    [
      'an external server',
      { engine: { type: 'external', url: 'http://a:1' }, hardware: undefined, model: { servedName: 'gpt' } },
    ],
    ['another engine', { engine: { type: 'triton' } }],
    ['weights that cannot be read here', { model: { uri: 'oci://a/b' } }],
  ])('is nothing of ours for %s', (_, spec) => {
    expect(plan(spec).runtime).toBeUndefined();
  });

  it('goes on being known while a pool is suspended, so that its revision does not change', () => {
    expect(plan({ suspend: true }).runtime?.revision).toBe(plan().runtime?.revision);
  });
});

describe('the scaler of a pool', () => {
  it('aims at seven tenths of what a replica can do, unless it is told', () => {
    const engine = { maxConcurrency: 10 };
    expect(plan({ scaling: zero, engine }).scale?.targetPerReplica).toBe(7);
    expect(plan({ scaling: { ...zero, target: { value: 3 } }, engine }).scale?.targetPerReplica).toBe(3);
  });

  it('has an idle time only where the last replica may go', () => {
    expect(plan({ scaling: zero }).scale?.scaleToZeroAfterMs).toBe(600_000);
    expect(plan({ scaling: { ...zero, scaleToZeroAfter: '30s' } }).scale?.scaleToZeroAfterMs).toBe(30_000);
    expect(plan({ scaling: { ...zero, minReplicas: 1 } }).scale?.scaleToZeroAfterMs).toBeUndefined();
  });
});
