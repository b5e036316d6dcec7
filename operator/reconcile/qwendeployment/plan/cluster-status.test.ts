import { statusSchema } from '@qwenfleet/crds/qwendeployment/status';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../../../specs/capabilities.ts';
import {
  deploymentOf,
  everything,
  gpuClass,
  objectsOf,
  planOf,
  readFixture,
  type Setting,
} from '../../../specs/harness/pool.ts';
import { withTransitions } from '../../conditions.ts';
import { clusterStatus, outsideScalerOf, type ClusterStatusInput } from './cluster-status.ts';
import type { Observed, ReplicaView } from './observed.ts';

const seen = (replicas: readonly ReplicaView[] = [], more: Partial<Observed> = {}): Observed => ({
  replicas,
  desired: 1,
  scaling: undefined,
  hasSignal: true,
  router: 'ready',
  ...more,
});

function statusOf(
  spec: object,
  observed: Observed = seen(),
  { setting = {}, ...more }: Partial<ClusterStatusInput> & { setting?: Setting } = {},
) {
  const deployment = deploymentOf({ ...spec });
  const plan = planOf(deployment, setting);
  const { revision } = objectsOf(deployment, setting);
  return clusterStatus({ deployment, plan, observed, revision, capabilities: noCapabilities, ...more });
}

const condition = (status: ReturnType<typeof statusOf>, type: string) =>
  status.conditions.find((each) => each.type === type);
const failing = (code: string): ReplicaView => ({
  state: 'starting',
  failure: { code, message: `because of ${code}` },
});

describe('the status of a pool in a cluster', () => {
  it('says where the pool answers, and which pods an autoscaler counts', () => {
    const status = statusOf({});
    expect(status.url).toBe('http://chat.fleet.svc:8000');
    expect(status.selector).toBe('qwenfleet.io/deployment=chat,qwenfleet.io/role=server');
    expect(status.capabilities).toEqual(noCapabilities);
  });

  it('is one that the API server accepts', () => {
    const status = statusOf({}, seen([failing('oom_killed'), { state: 'ready', name: 'a' }]));
    const conditions = withTransitions([], status.conditions, '2026-03-01T10:00:00Z');
    expect(statusSchema.safeParse({ ...status, conditions }).error).toBeUndefined();
  });

  it('of an external server is in fixtures/external.yaml', async () => {
    const { deployment } = readFixture('external');
    if (!deployment) throw new Error('the fixture has no QwenDeployment');
    const plan = planOf(deployment, { capabilities: everything });
    const status = clusterStatus({ deployment, plan, observed: seen(), revision: undefined, capabilities: everything });
    await expect(stringify(status, { lineWidth: 0 })).toMatchFileSnapshot('../../../specs/fixtures/external.yaml');
  });

  it('counts replicas by revision, and none that are going', () => {
    const { revision } = objectsOf(deploymentOf());
    const replicas: ReplicaView[] = [
      { state: 'ready', revision: 'old' },
      { state: 'starting', revision },
      { state: 'draining', revision },
    ];
    expect(statusOf({}, seen(replicas))).toMatchObject({ replicas: 2, readyReplicas: 1, updatedReplicas: 1 });
  });

  it('says what the spec pins of the model, and what a replica has pulled', () => {
    const model = { uri: 'hf://a/b', revision: 'a'.repeat(40), verify: { sha256: 'b'.repeat(64) } };
    expect(statusOf({ model }).model).toEqual({ revision: 'a'.repeat(40), digest: `sha256:${'b'.repeat(64)}` });
    expect(statusOf({ model: { uri: 'hf://a/b', revision: 'main' } })).not.toHaveProperty('model');
    const pulled = { revision: 'c'.repeat(40), digest: 'sha256:x', bytes: 7 };
    expect(statusOf({ model }, seen(), { pulled }).model).toEqual(pulled);
  });
});

describe('why a pool is not ready', () => {
  it.each([
    ['insufficient_accelerators', 'WorkloadAvailable', 'InsufficientGPU'],
    ['unschedulable', 'WorkloadAvailable', 'Unschedulable'],
    ['scheduling_gated', 'WorkloadAvailable', 'Queued'],
    ['image_pull_failed', 'WorkloadAvailable', 'ImagePullFailed'],
    ['oom_killed', 'WorkloadAvailable', 'OOMKilled'],
    ['engine_crashed', 'WorkloadAvailable', 'EngineCrashed'],
    ['invalid_model', 'WorkloadAvailable', 'LoadFailed'],
    ['start_timeout', 'WorkloadAvailable', 'StartupTimeout'],
    ['claim_pending', 'ModelCached', 'PVCPending'],
    ['secret_missing', 'ModelResolved', 'SecretNotFound'],
    ['source_forbidden', 'ModelResolved', 'AuthFailed'],
    ['digest_mismatch', 'ModelResolved', 'DigestMismatch'],
    ['never_heard_of', 'WorkloadAvailable', 'EngineCrashed'],
  ])('is said by Ready and by the condition that it is about: %s', (code, type, reason) => {
    const status = statusOf({}, seen([failing(code)]));
    const message = `because of ${code}`;
    expect(condition(status, type)).toMatchObject({ status: 'False', reason, message });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason, message });
  });

  it('is no matter while another replica answers', () => {
    const status = statusOf({ replicas: 2 }, seen([failing('oom_killed'), { state: 'ready' }], { desired: 2 }));
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'Serving' });
    expect(condition(status, 'WorkloadAvailable')).toMatchObject({ status: 'False', reason: 'OOMKilled' });
  });

  it('is that no pod may be made at all', () => {
    const refused = { code: 'pod_refused', message: 'exceeded quota' };
    expect(condition(statusOf({}, seen([], { refused })), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'PodRefused',
      message: 'exceeded quota',
    });
  });

  it('is known before any pod is made, where the cluster cannot do it', () => {
    const spec = { hardware: { class: 'gpu', count: 2 }, parallelism: { tensor: 2, pipeline: 2 } };
    const status = statusOf(spec, seen(), { setting: { hardwareClass: gpuClass } });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'LeaderWorkerSetMissing' });
    const uncached = statusOf({ cache: { mode: 'Shared' } });
    expect(condition(uncached, 'ModelCached')).toMatchObject({ status: 'False', reason: 'NoClaim' });
    expect(condition(uncached, 'Ready')).toMatchObject({ status: 'False', reason: 'NoClaim' });
  });

  it('fits into a condition, however much a scheduler says', () => {
    const failure = { code: 'unschedulable', message: 'x'.repeat(10_000) };
    const message = condition(statusOf({}, seen([{ state: 'starting', failure }])), 'Ready')?.message ?? '';
    expect(message.length).toBe(2048);
  });
});

describe('a pool that others scale', () => {
  const scaling = (owner: string, metric = 'Concurrency') => ({ scaling: { owner, target: { metric } } });
  const found = (spec: object, isThere: boolean, hasRouter = true) =>
    outsideScalerOf(deploymentOf({ ...spec }), isThere ? everything : noCapabilities, hasRouter);

  it.each([
    ['KEDA', true, true, 'active'],
    ['KEDA', false, true, 'missing'],
    ['KEDA', true, false, 'no-router'],
    ['HPA', true, false, 'active'],
    ['HPA', false, true, 'missing'],
    ['None', true, true, undefined],
    ['Internal', true, true, undefined],
  ])('%s, in a cluster that has it: %s, with a router: %s', (owner, isThere, hasRouter, wanted) => {
    expect(found(scaling(owner), isThere, hasRouter)).toBe(wanted);
  });

  it.each([
    ['writes replicas', 'KEDA', 'active', 'True', 'ExternalOwner'],
    ['is not there', 'KEDA', 'missing', 'False', 'ExternalOwner'],
    ['has nothing to scale by', 'HPA', 'no-metric', 'False', 'MetricNotFound'],
    ['hears of it from no router', 'KEDA', 'no-router', 'False', 'ExternalOwner'],
    ['is nobody', 'None', undefined, 'False', 'Disabled'],
  ] as const)('says so when its scaler %s', (_what, owner, outsideScaler, status, reason) => {
    const observed = seen([], { outsideScaler });
    expect(condition(statusOf(scaling(owner), observed), 'ScalingActive')).toMatchObject({ status, reason });
  });

  it('cannot be scaled by what no router serves', () => {
    expect(found(scaling('HPA', 'KVCache'), true)).toBe('no-metric');
  });
});
