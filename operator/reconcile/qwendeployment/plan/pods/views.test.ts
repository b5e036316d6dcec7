import type { ContainerStatus } from '@qwenfleet/kube/kinds';
import { describe, expect, it } from 'vitest';
import type { LivePod, LiveReplicaSet } from './live.ts';
import { overdueReplicas, refusedReplicas, replicaViews, type PodsInput } from './views.ts';

const minuteMs = 60_000;
const createdAt = '2026-03-01T10:00:00Z';
const createdMs = Date.parse(createdAt);

/** A pod as the API server has it, some time after it was made. */
function pod({
  status = {},
  metadata = {},
  spec = {},
}: { status?: object; metadata?: object; spec?: object } = {}): LivePod {
  return {
    metadata: {
      name: 'chat-abc-x',
      creationTimestamp: createdAt,
      labels: { 'qwenfleet.io/revision': 'abc' },
      ...metadata,
    },
    spec: { containers: [{ name: 'engine', resources: { limits: { memory: '16Gi' } } }], ...spec },
    status: { phase: 'Pending', ...status },
  };
}

const input = (pods: readonly LivePod[], more: Partial<PodsInput> = {}): PodsInput => ({
  pods,
  claims: [],
  wanted: { resourceName: 'nvidia.com/gpu', className: 'nvidia-l4', devices: 2 },
  progressDeadlineMs: 30 * minuteMs,
  nowEpochMs: createdMs + minuteMs,
  ...more,
});

const view = (of: LivePod, more: Partial<PodsInput> = {}) => replicaViews(input([of], more))[0];
const failure = (of: LivePod, more: Partial<PodsInput> = {}) => view(of, more)?.failure;

const unscheduled = (message: string, reason = 'Unschedulable') =>
  pod({
    status: {
      conditions: [
        { type: 'PodScheduled', status: 'False', reason, message, lastTransitionTime: '2026-03-01T10:00:05Z' },
      ],
    },
  });
const container = (status: Partial<ContainerStatus>) =>
  pod({
    status: {
      phase: 'Running',
      containerStatuses: [{ name: 'engine', image: 'engine:1', ready: false, restartCount: 0, ...status }],
    },
  });
const ended = (terminated: object, more: Partial<ContainerStatus> = {}) =>
  container({
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated: { exitCode: 1, ...terminated } },
    ...more,
  });

describe('a replica', () => {
  it('answers when its pod is ready, whatever happened before', () => {
    const ready = pod({
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          { name: 'engine', ready: true, restartCount: 3, lastState: { terminated: { exitCode: 1 } } },
        ],
      },
    });
    expect(view(ready)).toEqual({ name: 'chat-abc-x', revision: 'abc', state: 'ready' });
  });

  it('is going once its pod is to be deleted', () => {
    const going = pod({
      metadata: { deletionTimestamp: createdAt },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    });
    expect(view(going)?.state).toBe('draining');
  });

  it('starts while its pod does, and nothing is wrong', () => {
    const pulling = container({ state: { waiting: { reason: 'ContainerCreating' } } });
    expect(view(pulling)).toEqual({ name: 'chat-abc-x', revision: 'abc', state: 'starting' });
    expect(view(pod({ status: undefined as never }))?.state).toBe('starting');
  });

  it('is not counted once its pod was evicted: another has taken its place', () => {
    expect(replicaViews(input([pod({ status: { phase: 'Failed', reason: 'Evicted' } })]))).toEqual([]);
  });

  it('waits while the kubelet does before it tries again', () => {
    expect(view(ended({}))?.state).toBe('waiting');
  });
});

describe('why a replica has no node', () => {
  it('is the accelerator: which one is short, of which class, since when', () => {
    const said = '0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 Insufficient nvidia.com/gpu';
    const more = '. no new claims to deallocate, preemption: 0/3 nodes are available: 3 No preemption victims found.';
    expect(failure(unscheduled(said + more))).toEqual({
      code: 'insufficient_accelerators',
      message: `no node has 2 free nvidia.com/gpu of class nvidia-l4 since 2026-03-01T10:00:05Z: ${said}`,
    });
  });

  it('is another resource, and it is named', () => {
    const found = failure(unscheduled('0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.'));
    expect(found?.code).toBe('unschedulable');
    expect(found?.message).toMatch(/^no node has enough cpu, memory since/);
  });

  it('is not the accelerator where more nodes lack something else', () => {
    const said = '0/5 nodes are available: 1 Insufficient nvidia.com/gpu, 2 Insufficient cpu, 2 Insufficient memory.';
    expect(failure(unscheduled(said))).toMatchObject({
      code: 'unschedulable',
      message: expect.stringMatching(/^no node has enough nvidia.com\/gpu, cpu, memory since/),
    });
  });

  it('is a rule about nodes', () => {
    const found = failure(unscheduled("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."));
    expect(found).toMatchObject({ code: 'unschedulable', message: expect.stringContaining('no node fits') });
  });

  it('is its queue', () => {
    expect(failure(unscheduled('', 'SchedulingGated'))?.code).toBe('scheduling_gated');
  });

  it.each([
    ['pod has unbound immediate PersistentVolumeClaims. not found', 'Pending'],
    ['persistentvolumeclaim "weights" not found', undefined],
  ])('is a claim, and it is named: %s', (said, phase) => {
    const volumes = [
      { name: 'a', persistentVolumeClaim: { claimName: 'bound' } },
      { name: 'b', persistentVolumeClaim: { claimName: 'weights' } },
    ];
    const claims = [
      { metadata: { name: 'bound' }, status: { phase: 'Bound' } },
      ...(phase === undefined ? [] : [{ metadata: { name: 'weights' }, status: { phase } }]),
    ];
    const waiting = { ...unscheduled(said), spec: { volumes } };
    const found = failure(waiting, { claims });
    expect(found?.code).toBe('claim_pending');
    expect(found?.message).toContain('PersistentVolumeClaim "weights" is not bound');
  });
});

describe('why a container does not run', () => {
  it.each(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName'])('is its image: %s', (reason) => {
    const found = failure(container({ state: { waiting: { reason, message: 'not found' } } }));
    expect(found).toEqual({
      code: 'image_pull_failed',
      message: `image engine:1 cannot be pulled (${reason}): not found`,
    });
  });

  it.each([
    ['secret "hub" not found', 'secret_missing'],
    ["couldn't find key token in Secret fleet/hub", 'secret_missing'],
    ['container has runAsNonRoot and image will run as root', 'container_refused'],
  ])('is how it is set up: %s', (message, code) => {
    expect(failure(container({ state: { waiting: { reason: 'CreateContainerConfigError', message } } }))?.code).toBe(
      code,
    );
  });

  it('is its memory, and how much it had', () => {
    expect(failure(ended({ exitCode: 137, reason: 'OOMKilled' }, { restartCount: 4 }))).toEqual({
      code: 'oom_killed',
      message: 'container engine ran out of its 16Gi of memory, restarted 4 times',
    });
  });

  it('is what the runtime says itself', () => {
    const message = JSON.stringify({ code: 'digest_mismatch', message: 'the weights are others' });
    expect(failure(ended({ message }))).toEqual({ code: 'digest_mismatch', message: 'the weights are others' });
  });

  it('is the error in the end of its log, and not where the process said so', () => {
    const message = [
      'node:internal/modules/package_json_reader:331',
      '  throw new ERR_MODULE_NOT_FOUND(packageName, fileURLToPath(base), null);',
      '',
      "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'x' imported from /app/main.ts",
      '    at packageResolve (node:internal/modules/esm/resolve:784:25) {',
      '}',
      '',
      'Node.js v24.21.0',
    ].join('\n');
    expect(failure(ended({ message }))?.message).toMatch(/: Error \[ERR_MODULE_NOT_FOUND\]: Cannot find package 'x'/);
  });

  it('is how it ended, and the last line of its log', () => {
    const message = 'INFO loading\nTraceback\nValueError: no kernel image is available\n';
    expect(failure(ended({ exitCode: 1, message }, { restartCount: 2 }))).toEqual({
      code: 'engine_crashed',
      message: 'container engine ended with exit code 1, restarted 2 times: ValueError: no kernel image is available',
    });
    expect(failure(ended({ exitCode: 139 }))?.message).toBe('container engine was ended by signal 11');
    expect(failure(ended({ exitCode: 0 }))?.message).toBe('container engine ended with exit code 0');
  });

  it('is kept while it starts again, until it is ready', () => {
    const again = container({ state: { running: {} }, lastState: { terminated: { exitCode: 1 } }, restartCount: 1 });
    expect(failure(again)?.code).toBe('engine_crashed');
  });

  it('is that of what pulls its weights first', () => {
    const message = JSON.stringify({ code: 'source_forbidden', message: 'it needs a token' });
    const pulling = pod({
      status: {
        initContainerStatuses: [{ name: 'pull', state: { terminated: { exitCode: 1, message } }, ready: false }],
        containerStatuses: [{ name: 'engine', state: { waiting: { reason: 'PodInitializing' } } }],
      },
    });
    expect(failure(pulling)?.code).toBe('source_forbidden');
    const pulled = pod({
      status: { initContainerStatuses: [{ name: 'pull', ready: true, state: { terminated: { exitCode: 0 } } }] },
    });
    expect(failure(pulled)).toBeUndefined();
  });
});

describe('a replica that takes too long', () => {
  const slow = container({ state: { running: { startedAt: createdAt } }, started: false });

  it('has failed to start after the deadline, and not a moment before', () => {
    const after = (minutes: number) => failure(slow, { nowEpochMs: createdMs + minutes * minuteMs });
    expect(after(30)).toBeUndefined();
    expect(after(31)).toMatchObject({ code: 'start_timeout', message: expect.stringContaining('31 minutes') });
  });

  it('has the reason that is known, however late it is', () => {
    expect(failure(ended({}), { nowEpochMs: createdMs + 90 * minuteMs })?.code).toBe('engine_crashed');
  });

  it('is one that nobody need wait for, unless it answers, goes, or is gone', () => {
    const lateAt = { nowEpochMs: createdMs + 31 * minuteMs };
    const others = [
      pod({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }),
      pod({ metadata: { deletionTimestamp: createdAt } }),
      pod({ status: { phase: 'Failed' } }),
    ];
    expect(overdueReplicas(input([slow, ...others], lateAt))).toBe(1);
    expect(overdueReplicas(input([slow, ...others]))).toBe(0);
  });

  it('is not judged by a pod that says no time', () => {
    expect(failure(pod({ metadata: { creationTimestamp: undefined } }), { nowEpochMs: createdMs * 2 })).toBeUndefined();
  });
});

describe('a replica over several nodes', () => {
  const labels = (role: string, group: string) => ({
    labels: {
      'qwenfleet.io/role': role,
      'leaderworkerset.sigs.k8s.io/name': 'large-abc',
      'leaderworkerset.sigs.k8s.io/group-index': group,
    },
  });
  const server = (group: string) => pod({ metadata: { ...labels('server', group), name: `server-${group}` } });
  const worker = (group: string, of: LivePod) => ({
    ...of,
    metadata: { ...of.metadata, ...labels('worker', group), name: `worker-${group}` },
  });

  it('is one, and has the failure of whichever of its pods has one', () => {
    const lacking = worker('1', unscheduled('0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'));
    const views = replicaViews(input([server('0'), server('1'), worker('0', pod()), lacking]));
    expect(views.map(({ name, failure: why }) => [name, why?.code])).toEqual([
      ['server-0', undefined],
      ['server-1', 'insufficient_accelerators'],
    ]);
  });
});

describe('replicas that do not even exist', () => {
  const refused = (message: string): LiveReplicaSet => ({
    metadata: { name: 'chat-abc' },
    status: { conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }] },
  });

  it('are refused by a quota or a policy, whoever says so', () => {
    const message = 'pods "chat" is forbidden: exceeded quota: gpus';
    expect(refusedReplicas([refused(message)], [])).toEqual({
      code: 'pod_refused',
      message: `no pod may be made: ${message}`,
    });
    expect(refusedReplicas([], [refused(message)])?.code).toBe('pod_refused');
    expect(refusedReplicas([{ metadata: { name: 'chat-abc' } }], [])).toBeUndefined();
  });
});
