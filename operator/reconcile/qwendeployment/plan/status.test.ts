import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf } from '../../../harness/objects.ts';
import { localSubstrate } from '../../../local/substrate.ts';
import { initialState } from '../../../scale/decide.ts';
import { withTransitions } from '../../conditions.ts';
import { planDeployment } from '../plan.ts';
import type { Observed } from './observed.ts';
import { deploymentStatus, type DeploymentFindings } from './status.ts';

const observed: Observed = {
  replicas: [{ state: 'ready' }, { state: 'ready' }, { state: 'starting' }],
  desired: 3,
  scaling: undefined,
  hasSignal: true,
  router: 'ready',
};

function statusOf(spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): DeploymentFindings {
  const deployment = deploymentOf(spec, metadata);
  const plan = planDeployment({ deployment, hardwareClass: cpuClass, substrate: localSubstrate, cacheDir: '/c' });
  const scaling = plan.scale && {
    ...initialState(3, plan.scale, 0),
    history: [{ atMs: 0, from: 1, to: 3, reason: 'burst' }],
    panicUntilMs: 9,
  };
  return deploymentStatus(deployment, plan.resolved, { ...observed, scaling }, plan.runtime?.revision);
}

describe('the status of a pool', () => {
  it('counts its replicas', () => {
    expect(statusOf()).toMatchObject({ replicas: 3, readyReplicas: 2, availableReplicas: 2 });
  });

  it('says what was chosen and which revision runs', () => {
    const { servedName, engine, rollout, observedGeneration } = statusOf({}, { generation: 7 });
    expect({ servedName, observedGeneration }).toEqual({ servedName: 'small', observedGeneration: 7 });
    expect(engine).toEqual({ type: 'qwen', reason: 'one device' });
    expect(rollout?.currentRevision).toMatch(/^[0-9a-f]{10}$/);
    expect(rollout?.updateRevision).toBe(rollout?.currentRevision);
  });

  it('says what the scaler wants and why', () => {
    expect(statusOf({ scaling: { maxReplicas: 3 } }).scaling).toMatchObject({
      desired: 3,
      reason: 'burst',
      panic: true,
    });
    expect(statusOf({ replicas: 3 }).scaling).toEqual({ desired: 3 });
  });

  it.each([
    {},
    { scaling: { maxReplicas: 3 } },
    { quantization: 'fp8', slo: { ttftP95: '1s' } },
    { engine: { type: 'vllm' } },
  ])('is one that the API server takes, for %j', (spec) => {
    const { conditions, ...status } = statusOf(spec, { generation: 1 });
    const written = { ...status, conditions: withTransitions([], conditions, '2026-01-01T00:00:00Z') };
    expect(statusSchema.parse(written)).toEqual(written);
  });
});
