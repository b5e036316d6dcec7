import { deploymentSchema } from '@qwenfleet/crds/kinds';
import { describe, expect, it } from 'vitest';
import { cpuClass } from '../../harness/objects.ts';
import { localSubstrate } from '../../local/substrate.ts';
import { planDeployment } from './plan.ts';

function planOf(spec: object): ReturnType<typeof planDeployment> {
  const deployment = deploymentSchema.parse({
    apiVersion: 'qwenfleet.io/v1alpha1',
    kind: 'QwenDeployment',
    metadata: { name: 'pool' },
    spec: { tier: 'small', model: { uri: 'hf://Qwen/Qwen3-0.6B' }, hardware: { class: 'cpu' }, ...spec },
  });
  return planDeployment({ deployment, hardwareClass: cpuClass, substrate: localSubstrate, cacheDir: '/cache' });
}
const leftOver = { path: 'spec.replicas', reason: expect.stringContaining('left by another scaler') };

describe('a pool that came back from another scaler', () => {
  it('scales by itself again and says that the number left behind means nothing', () => {
    const plan = planOf({ replicas: 7, scaling: { owner: 'Internal', minReplicas: 2 } });
    expect(plan.scale).toBeDefined();
    expect(plan.initialReplicas).toBe(2);
    expect(plan.resolved.notActedOn).toContainEqual(leftOver);
  });

  it.each([{ replicas: 7 }, { replicas: 7, scaling: { owner: 'HPA' } }])('is obeyed otherwise: %j', (spec) => {
    const plan = planOf(spec);
    expect(plan.scale).toBeUndefined();
    expect(plan.initialReplicas).toBe(7);
    expect(plan.resolved.notActedOn).not.toContainEqual(leftOver);
  });
});
