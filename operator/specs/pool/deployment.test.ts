import { describe, expect, it } from 'vitest';
import { deploymentOf, everything, gpuClass, objectsOf, ofKind, type Setting } from '../harness/pool.ts';
import { problemsOf } from '../harness/validate.ts';
import type { ILeaderWorkerSetSpec } from '../leader-worker-set-spec.ts';

type Spec = {
  spec: { strategy: { rollingUpdate: object }; progressDeadlineSeconds: number; revisionHistoryLimit: number };
};
const deployment = (spec: object) => ofKind<Spec>(objectsOf(deploymentOf({ ...spec })).objects, 'Deployment');

describe('the Deployment of a revision', () => {
  it.each([
    ['drains first where nobody says otherwise', {}, { maxSurge: 0, maxUnavailable: 1 }],
    ['adds first where there is room', { maxSurge: 1, maxUnavailable: 0 }, { maxSurge: 1, maxUnavailable: 0 }],
  ])('%s', (_what, rollout, wanted) => {
    expect(deployment({ rollout }).spec.strategy.rollingUpdate).toEqual(wanted);
  });

  it('has patience with large models, and keeps as many old ReplicaSets as old revisions', () => {
    const { spec } = deployment({ rollout: { progressDeadline: '1h30m', revisionHistoryLimit: 2 } });
    expect(spec).toMatchObject({ progressDeadlineSeconds: 5400, revisionHistoryLimit: 2 });
  });

  it('waits in the queue of Kueue that it is told, and its pods do not name it', () => {
    const found = deployment({ scheduling: { queueName: 'inference' } });
    expect(found.metadata.labels['kueue.x-k8s.io/queue-name']).toBe('inference');
    expect(JSON.stringify(found.spec)).not.toContain('kueue');
  });

  it('has a name within 63 characters and a selector of its own', () => {
    const { objects, revision } = objectsOf(deploymentOf({}, 'a'.repeat(40)));
    const found = ofKind<{ spec: { selector: object } }>(objects, 'Deployment');
    expect(found.metadata.name.length).toBeLessThanOrEqual(63);
    expect(found.spec.selector).toEqual({
      matchLabels: { 'qwenfleet.io/deployment': 'a'.repeat(40), 'qwenfleet.io/revision': revision },
    });
  });
});

describe('a replica over several nodes', () => {
  const setting: Setting = { hardwareClass: gpuClass, capabilities: everything };
  const pool = deploymentOf({
    hardware: { class: 'gpu', count: 8 },
    parallelism: { tensor: 8, pipeline: 2 },
    engine: { args: ['--last'] },
    replicas: 3,
  });
  const { objects } = objectsOf(pool, setting);
  const group = ofKind<{ spec: ILeaderWorkerSetSpec }>(objects, 'LeaderWorkerSet');
  const { leaderTemplate, workerTemplate, size } = group.spec.leaderWorkerTemplate;
  const container = (template: typeof leaderTemplate) => template.spec?.containers[0];

  it('is a group of pods, one for each node', () => {
    expect([group.spec.replicas, size]).toEqual([3, 2]);
    expect(objects.map(({ kind }) => kind)).not.toContain('Deployment');
    expect(problemsOf(group)).toEqual([]);
  });

  it('tells each pod where the first one is and which one it is, and its user has the last word with all', () => {
    const words = (template: typeof leaderTemplate) => (container(template)?.args ?? []).join(' ');
    for (const template of [leaderTemplate, workerTemplate]) {
      expect(words(template)).toContain('--tensor-parallel-size 8 --pipeline-parallel-size 2');
      expect(words(template)).toContain('--nnodes 2 --master-addr $(LWS_LEADER_ADDRESS)');
      expect(words(template)).toMatch(/--last$/);
    }
    expect(words(leaderTemplate)).toContain('--node-rank 0');
    expect(words(workerTemplate)).toContain('--node-rank $(LWS_WORKER_INDEX) --headless');
  });

  it('is asked at its first pod only', () => {
    expect(container(workerTemplate)).not.toHaveProperty('readinessProbe');
    expect(container(workerTemplate)).not.toHaveProperty('ports');
    const { selector } = ofKind<{ spec: { selector: Record<string, string> } }>(objects, 'Service').spec;
    const selects = (template: typeof leaderTemplate) =>
      Object.entries(selector).every(([key, value]) => template.metadata?.labels?.[key] === value);
    expect([selects(leaderTemplate), selects(workerTemplate)]).toEqual([true, false]);
  });

  it('may talk among its pods', () => {
    const { spec } = ofKind<{ spec: { ingress: object[]; egress: object[] } }>(objects, 'NetworkPolicy');
    const own = { podSelector: { matchLabels: { 'qwenfleet.io/deployment': 'chat' } } };
    expect(spec.ingress).toContainEqual({ from: [own] });
    expect(spec.egress).toContainEqual({ to: [own] });
  });
});

describe('the budget of a pool', () => {
  const budget = (setting: Setting) =>
    ofKind<{ spec: object }>(objectsOf(deploymentOf(), setting).objects, 'PodDisruptionBudget').spec;

  it('lets one replica go at a time, also the only one, and any that does not answer', () => {
    expect(budget({})).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  });

  it('does not wait for replicas that have not come for a long time', () => {
    expect(budget({ overdue: 2 })).toMatchObject({ maxUnavailable: 3 });
  });
});
