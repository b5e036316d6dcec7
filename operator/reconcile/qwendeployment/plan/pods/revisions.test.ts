import { describe, expect, it } from 'vitest';
import type { LivePod, LiveWorkload } from './live.ts';
import { revisionViews, type RevisionsInput } from './revisions.ts';
import { replicaViews } from './views.ts';

const startedAt = '2026-03-01T10:00:10Z';
const startedMs = Date.parse(startedAt);
const nowEpochMs = startedMs + 120_000;

const workload = (revision: string, replicas: number, metadata: object = {}): LiveWorkload => ({
  metadata: { name: `chat-${revision}`, labels: { 'qwenfleet.io/revision': revision }, ...metadata },
  spec: { replicas },
});
type PodInput = { conditions?: object[]; createdAt?: string; deleted?: boolean; message?: string };
function pod(revision: string, at: number, { conditions = [], createdAt, deleted, message }: PodInput = {}): LivePod {
  const engine = { name: 'engine', ready: false, restartCount: 0 };
  return {
    metadata: {
      name: `chat-${revision}-${at}`,
      labels: { 'qwenfleet.io/revision': revision },
      creationTimestamp: createdAt ?? '2026-03-01T09:00:00Z',
      ...(deleted ? { deletionTimestamp: startedAt } : {}),
    },
    spec: { containers: [{ name: 'engine' }] },
    // Only what is looked at; the API server gives more.
    status: {
      phase: 'Running',
      conditions: conditions as never,
      ...(message === undefined
        ? {}
        : { containerStatuses: [{ ...engine, state: { waiting: { reason: 'CrashLoopBackOff', message } } }] }),
    },
  };
}
const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
const unplaced = (lastTransitionTime: string): PodInput => ({
  conditions: [
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.',
      lastTransitionTime,
    },
  ],
});

function viewsOf(workloads: LiveWorkload[], pods: LivePod[], more: Partial<RevisionsInput> = {}) {
  const wanted = { resourceName: 'nvidia.com/gpu', className: 'l4', devices: 1 };
  const replicas = replicaViews({ pods, claims: [], wanted, progressDeadlineMs: 3_600_000 * 24, nowEpochMs });
  return revisionViews({
    workloads,
    pods,
    replicas,
    weightOf: () => 0,
    failedStartsOf: () => 0,
    startedEpochMs: startedMs,
    nowEpochMs,
    ...more,
  });
}

describe('a revision', () => {
  it('has what its workload was told, what answers, and its share', () => {
    const views = viewsOf([workload('a', 3), workload('b', 1)], [pod('a', 1, ready), pod('a', 2)], {
      weightOf: (revision) => (revision === 'a' ? 90 : 10),
    });
    expect(views).toMatchObject([
      { revision: 'a', replicas: 3, ready: 1, weight: 90 },
      { revision: 'b', replicas: 1, ready: 0, weight: 10 },
    ]);
  });

  it('whose workload is gone has no replicas, and is there while its pods answer', () => {
    expect(viewsOf([], [pod('a', 1, ready)])).toMatchObject([{ revision: 'a', replicas: 0, ready: 1 }]);
    const going = workload('a', 2, { deletionTimestamp: startedAt });
    expect(viewsOf([going], [])).toMatchObject([{ revision: 'a', replicas: 0 }]);
  });

  it('in the workload of another counts for itself, and a replica in it for what it answers with', () => {
    const hostedBy = (name: string): string => (name === 'a' ? 'c' : name);
    const pods = [pod('a', 1, ready), pod('a', 2, ready), pod('a', 3)];
    expect(viewsOf([workload('a', 3)], pods, { hostedBy })).toMatchObject([{ revision: 'c', replicas: 3, ready: 2 }]);
    const answersWith = ({ metadata }: LivePod) => (metadata.name === 'chat-a-2' ? 'b' : undefined);
    expect(viewsOf([workload('a', 3)], pods, { answersWith })).toMatchObject([
      { revision: 'a', replicas: 2, ready: 1 },
      { revision: 'b', replicas: 1, ready: 1 },
    ]);
  });

  it('is starved once a pod has waited for an accelerator for a minute', () => {
    const pods = [pod('b', 1, unplaced('2026-03-01T10:00:20Z')), pod('b', 2, unplaced('2026-03-01T10:02:00Z'))];
    expect(viewsOf([workload('b', 2)], pods)).toMatchObject([{ starved: 1 }]);
  });

  it('has failed as often as its worst pod, and not at all once one answers', () => {
    const failedStartsOf = ({ metadata }: LivePod): number => (metadata.name === 'chat-b-2' ? 4 : 1);
    const pods = [pod('b', 1), pod('b', 2, { message: 'no such file' })];
    const [broken] = viewsOf([workload('b', 2)], pods, { failedStartsOf });
    expect(broken?.failedStarts).toBe(4);
    const [fine] = viewsOf([workload('b', 2)], [pod('b', 1, ready), ...pods.slice(1)], { failedStartsOf });
    expect(fine?.failedStarts).toBe(0);
  });

  it('is young where pods came after the rollout began, those that leave left out', () => {
    const pods = [
      pod('a', 1),
      pod('a', 2, { createdAt: startedAt }),
      pod('a', 3, { createdAt: '2026-03-01T10:01:00Z' }),
      pod('a', 4, { createdAt: '2026-03-01T10:01:00Z', deleted: true }),
    ];
    expect(viewsOf([workload('a', 3)], pods)).toMatchObject([{ young: 2, ending: 1 }]);
    expect(viewsOf([workload('a', 3)], pods, { startedEpochMs: undefined })).toMatchObject([{ young: 0 }]);
  });
});
