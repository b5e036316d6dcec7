import type { Node, Pod } from '@qwenfleet/kube/kinds';
import { describe, expect, it } from 'vitest';
import { replicaViews } from '../reconcile/qwendeployment/plan/pods/views.ts';
import { keptNode, keptPod } from './keep.ts';

const containerStatus = (fields: object): object => ({
  name: 'engine',
  image: 'qwenfleet/runtime:0.1.0',
  imageID: `sha256:${'0'.repeat(64)}`,
  containerID: `containerd://${'0'.repeat(64)}`,
  ready: false,
  restartCount: 2,
  volumeMounts: [{ name: 'models', mountPath: '/models' }],
  ...fields,
});

/** As the API server sends them: much more than anybody here reads. */
function podWith(status: object): Pod {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'chat-0', namespace: 'a', creationTimestamp: '2026-03-01T10:00:00Z', labels: { app: 'chat' } },
    spec: {
      nodeName: 'node-0',
      terminationGracePeriodSeconds: 60,
      containers: [
        {
          name: 'engine',
          image: 'qwenfleet/runtime:0.1.0',
          resources: { limits: { memory: '16Gi', 'nvidia.com/gpu': '1' } },
          env: Array.from({ length: 20 }, (_, index) => ({ name: `VARIABLE_${index}`, value: 'something' })),
          startupProbe: { httpGet: { path: '/health/ready', port: 'http' } },
        },
      ],
      volumes: [
        { name: 'models', persistentVolumeClaim: { claimName: 'models' } },
        { name: 'config', configMap: { name: 'config' } },
      ],
      tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }],
    },
    status: { hostIP: '10.0.0.1', podIP: '10.0.0.2', qosClass: 'Burstable', ...status },
  };
  return pod;
}

const scheduled = (reason: string, message: string): object => ({
  phase: 'Pending',
  conditions: [{ type: 'PodScheduled', status: 'False', reason, message, lastTransitionTime: '2026-03-01T10:00:05Z' }],
});
const claim = 'pod has unbound immediate PersistentVolumeClaims';
const ended = (terminated: object): object => ({
  phase: 'Running',
  containerStatuses: [containerStatus({ lastState: { terminated } })],
});

describe('a pod in the cache', () => {
  it.each([
    ['is ready', { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }],
    ['finds no device', scheduled('Unschedulable', '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.')],
    ['waits for its claim', scheduled('Unschedulable', claim)],
    ['ran out of memory', ended({ exitCode: 137, reason: 'OOMKilled' })],
    ['crashed', ended({ exitCode: 1, message: 'no such model' })],
    [
      'cannot pull its image',
      {
        phase: 'Pending',
        initContainerStatuses: [containerStatus({ state: { waiting: { reason: 'ImagePullBackOff' } } })],
      },
    ],
    ['is over', { phase: 'Failed', reason: 'Evicted' }],
    ['has no status yet', {}],
  ])('says the same of itself as a whole one when it %s', (_name, status) => {
    const pod = podWith(status);
    const views = (of: Pod) =>
      replicaViews({
        pods: [of],
        claims: [],
        wanted: { resourceName: 'nvidia.com/gpu', className: 'l4', devices: 1 },
        progressDeadlineMs: 600_000,
        nowEpochMs: Date.parse('2026-03-01T10:30:00Z'),
      });
    expect(views(keptPod(pod))).toEqual(views(pod));
    expect(keptPod(pod).status?.podIP).toBe('10.0.0.2');
    expect(JSON.stringify(keptPod(pod)).length).toBeLessThan(JSON.stringify(pod).length / 2);
  });
});

describe('a node in the cache', () => {
  it('has its labels and devices, and none of its images', () => {
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', labels: { gpu: 'l4' }, annotations: { long: 'x'.repeat(1000) } },
      // The API server's own shape.
      status: { allocatable: { 'nvidia.com/gpu': '8' }, images: [{ names: ['x'] }] } as Node['status'] & object,
    };
    expect(keptNode(node)).toEqual({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', labels: { gpu: 'l4' } },
      status: { allocatable: { 'nvidia.com/gpu': '8' } },
    });
  });
});
