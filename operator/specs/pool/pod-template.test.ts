import { describe, expect, it } from 'vitest';
import { deploymentOf, everything, gpuClass, hardwareOf, poolFor, type Setting } from '../harness/pool.ts';
import { workloadOf } from './workload.ts';

function podOf(spec: object = {}, setting: Setting = {}) {
  const workload = workloadOf(poolFor(deploymentOf({ ...spec }), setting));
  const template = workload.kind === 'Deployment' ? workload.template : workload.leader;
  const [container] = template.spec?.containers ?? [];
  if (!container || !template.spec) throw new Error('the pod has no container');
  return { metadata: template.metadata, spec: template.spec, container };
}

const onGpu = (spec: object = {}, hardware: object = {}) =>
  podOf(
    { hardware: { class: 'gpu', count: 1 }, ...spec },
    { hardwareClass: hardwareOf({ ...gpuClass.spec, ...hardware }), capabilities: everything },
  );

describe('a pod of a pool', () => {
  it('is what Pod Security calls restricted', () => {
    const { spec, container } = podOf();
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(spec.automountServiceAccountToken).toBe(false);
  });

  it('may write to its cache and to /tmp, and nowhere else', () => {
    const { spec, container } = podOf();
    const writable = (container.volumeMounts ?? []).filter(({ readOnly }) => readOnly !== true);
    expect(writable.map(({ mountPath }) => mountPath)).toEqual(['/var/cache/qwenfleet', '/tmp']);
    expect(spec.volumes?.find(({ name }) => name === 'cache')).toEqual({ name: 'cache', emptyDir: {} });
  });

  it('lives long enough for its engine to finish what it runs', () => {
    const { spec, container } = podOf({ drain: { preStop: '20s', gracePeriod: '5m' } });
    expect(container.lifecycle?.preStop).toEqual({ sleep: { seconds: 20 } });
    expect(spec.terminationGracePeriodSeconds).toBe(20 + 300 + 10);
  });

  it('may load for as long as a rollout may stand still', () => {
    const { startupProbe, readinessProbe, livenessProbe } = podOf({ rollout: { progressDeadline: '1h' } }).container;
    expect((startupProbe?.periodSeconds ?? 0) * (startupProbe?.failureThreshold ?? 0)).toBe(3600);
    expect(readinessProbe?.httpGet).toEqual({ path: '/health/ready', port: 'http' });
    expect(livenessProbe?.httpGet).toEqual({ path: '/health/live', port: 'http' });
  });

  it('has what its hardware class gives for each device, times its devices', () => {
    const { container } = onGpu(
      { hardware: { class: 'gpu', count: 4 }, engine: { type: 'vllm' } },
      { resources: { cpu: '500m', memory: '1.5Gi', ephemeralStorage: '10Gi' } },
    );
    expect(container.resources).toEqual({
      requests: { cpu: '2000m', memory: '6Gi', 'ephemeral-storage': '40Gi', 'nvidia.com/gpu': '4' },
      limits: { memory: '6Gi', 'nvidia.com/gpu': '4' },
    });
  });

  it('claims its devices where the class allocates them dynamically', () => {
    const { spec, container, metadata } = onGpu({}, { accelerator: { deviceClass: 'gpu.nvidia.com' } });
    const revision = metadata?.labels?.['qwenfleet.io/revision'];
    expect(spec.resourceClaims).toEqual([{ name: 'devices', resourceClaimTemplateName: `chat-${revision}` }]);
    expect(container.resources?.claims).toEqual([{ name: 'devices' }]);
    expect(container.resources?.limits).not.toHaveProperty('nvidia.com/gpu');
  });

  it('goes where its class and its pool say, and is spread over nodes', () => {
    const taint = { key: 'nvidia.com/gpu', operator: 'Exists' };
    const { spec } = onGpu(
      {
        scheduling: {
          nodeSelector: { zone: 'a' },
          tolerations: [{ key: 'team', operator: 'Exists' }],
          priorityClassName: 'high',
        },
      },
      { nodeSelector: { gpu: 'l4' }, tolerations: [taint], runtimeClassName: 'nvidia' },
    );
    expect(spec).toMatchObject({
      nodeSelector: { gpu: 'l4', zone: 'a' },
      tolerations: [taint, { key: 'team', operator: 'Exists' }],
      priorityClassName: 'high',
      runtimeClassName: 'nvidia',
      topologySpreadConstraints: [{ topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' }],
    });
  });

  it('counts the pods of its pool in the spread that somebody asks for', () => {
    const constraint = { maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };
    const { spec } = podOf({ scheduling: { topologySpread: [constraint] } });
    const labelSelector = { matchLabels: { 'qwenfleet.io/deployment': 'chat' } };
    expect(spec.topologySpreadConstraints).toEqual([{ ...constraint, labelSelector }]);
  });

  it.each([
    ['of the size of its class', { hardware: { class: 'gpu', count: 1 } }, { sharedMemory: '2Gi' }, '2Gi'],
    ['of a size of its own for devices that share a model', { hardware: { class: 'gpu', count: 2 } }, {}, '4Gi'],
    ['none where one device needs none', { hardware: { class: 'gpu', count: 1 } }, {}, undefined],
  ])('has shared memory: %s', (_what, spec, hardware, size) => {
    const pod = onGpu(spec, hardware);
    expect(pod.spec.volumes?.find(({ name }) => name === 'shm')?.emptyDir?.sizeLimit).toBe(size);
    expect(pod.container.volumeMounts?.some(({ mountPath }) => mountPath === '/dev/shm')).toBe(size !== undefined);
  });

  it('is what its user makes of it, but for the labels by which it is found', () => {
    const { metadata, spec, container } = podOf({
      podTemplate: {
        metadata: { labels: { team: 'a', 'qwenfleet.io/deployment': 'hijacked' } },
        spec: { containers: [{ name: 'engine', resources: { limits: { cpu: '8' } } }], hostNetwork: true },
      },
    });
    expect(metadata?.labels).toMatchObject({ team: 'a', 'qwenfleet.io/deployment': 'chat' });
    expect(container.resources?.limits).toEqual({ cpu: '8', memory: '4Gi' });
    expect(spec).toMatchObject({ hostNetwork: true });
  });

  it('takes image, arguments and environment from the class, and from the pool after it', () => {
    const engines = [
      {
        type: 'vllm',
        image: 'of-class:1',
        args: ['--class'],
        env: [
          { name: 'A', value: 'class' },
          { name: 'HOME', value: '/class' },
        ],
      },
    ];
    const vllm = (engine: object) => onGpu({ engine: { type: 'vllm', ...engine } }, { engines }).container;
    expect(vllm({}).image).toBe('of-class:1');
    const own = vllm({ image: 'of-pool:1', args: ['--pool'], env: [{ name: 'A', value: 'pool' }] });
    expect(own.image).toBe('of-pool:1');
    expect(own.args?.slice(-2)).toEqual(['--class', '--pool']);
    expect(own.env?.filter(({ name }) => name === 'A')).toEqual([{ name: 'A', value: 'pool' }]);
    expect(own.env?.[0]).toEqual({ name: 'HOME', value: '/class' });
  });
});
