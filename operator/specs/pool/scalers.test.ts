import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../capabilities.ts';
import { deploymentOf, everything, objectsOf, poolFor, type Setting } from '../harness/pool.ts';
import { horizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { scaledObject } from './scaled-object.ts';

const router = { name: 'front', port: 80 };
const scaled = (scaling: object, setting: Setting = {}) => poolFor(deploymentOf({ scaling }), setting);
const kinds = (scaling: object, setting: Setting = {}, spec: object = {}) =>
  objectsOf(deploymentOf({ scaling, ...spec }), { capabilities: everything, router, ...setting }).objects.map(
    ({ kind }) => kind,
  );

describe('KEDA', () => {
  it('scales the QwenDeployment itself, by what all its routers say', () => {
    const spec = scaledObject(
      scaled({ owner: 'KEDA', minReplicas: 0, maxReplicas: 5, target: { value: 12 } }),
      router,
    )?.spec;
    expect(spec).toMatchObject({
      scaleTargetRef: { apiVersion: 'qwenfleet.io/v1alpha1', kind: 'QwenDeployment', name: 'chat' },
      minReplicaCount: 0,
      maxReplicaCount: 5,
      cooldownPeriod: 600,
    });
    expect(spec?.triggers?.[0]?.metadata).toMatchObject({
      url: 'http://front.fleet.svc:80/metrics',
      valueLocation: 'qwenfleet_router_in_flight{pool="chat"}',
      targetValue: '12',
      aggregateFromKubeServiceEndpoints: 'true',
      aggregationType: 'sum',
    });
  });

  it('wakes a pool at zero by the requests that wait for it', () => {
    const triggers = scaledObject(scaled({ owner: 'KEDA' }), router)?.spec.triggers ?? [];
    expect(triggers.map(({ metadata }) => metadata?.['valueLocation'])).toContain('qwenfleet_router_held{pool="chat"}');
  });

  it.each([
    ['it is there', {}, true],
    ['it is not there', { capabilities: { ...everything, keda: false } }, false],
    ['no router sends to the pool', { router: undefined }, false],
  ])('is asked when %s', (_what, setting, asked) => {
    expect(kinds({ owner: 'KEDA' }, setting).includes('ScaledObject')).toBe(asked);
  });
});

describe('a HorizontalPodAutoscaler', () => {
  const spec = (scaling: object, hpaScaleToZero = false) =>
    horizontalPodAutoscaler(
      scaled({ owner: 'HPA', ...scaling }, { capabilities: { ...noCapabilities, hpaScaleToZero } }),
    )?.spec;

  it('scales by external metrics, at the share of a replica that is meant to be used', () => {
    expect(spec({ maxReplicas: 6 })).toMatchObject({
      scaleTargetRef: { kind: 'QwenDeployment', name: 'chat' },
      maxReplicas: 6,
      metrics: [
        {
          type: 'External',
          external: {
            metric: { name: 'qwenfleet_router_in_flight', selector: { matchLabels: { pool: 'chat' } } },
            target: { type: 'AverageValue', averageValue: '5600m' },
          },
        },
        { external: { metric: { name: 'qwenfleet_router_held' } } },
      ],
    });
  });

  it('goes to zero only where the cluster lets it', () => {
    expect(spec({ minReplicas: 0 })?.minReplicas).toBe(1);
    expect(spec({ minReplicas: 0 }, true)?.minReplicas).toBe(0);
    expect(spec({ minReplicas: 3 })?.minReplicas).toBe(3);
  });

  it('grows and shrinks at the pace of the pool', () => {
    const behavior = spec({ rate: { up: 3, down: 4 }, scaleDownDelay: '2m', window: { stable: '30s' } })?.behavior;
    expect(behavior).toMatchObject({
      scaleUp: { stabilizationWindowSeconds: 0, policies: [{ value: 200, periodSeconds: 30 }, { value: 1 }] },
      scaleDown: { stabilizationWindowSeconds: 120, policies: [{ value: 75, periodSeconds: 30 }, { value: 1 }] },
    });
  });

  it('keeps within what its API takes', () => {
    const behavior = spec({ scaleDownDelay: '48h', window: { stable: '24h' } })?.behavior;
    expect(behavior?.scaleDown?.stabilizationWindowSeconds).toBe(3600);
    expect(behavior?.scaleUp?.policies?.[0]?.periodSeconds).toBe(1800);
  });
});

it('is not made where the operator has no right to make it', () => {
  const capabilities = { ...everything, horizontalPodAutoscaler: false };
  expect(kinds({ owner: 'HPA' }, { capabilities })).not.toContain('HorizontalPodAutoscaler');
});

describe('nobody else', () => {
  it.each([
    ['scales a pool that the operator scales', { owner: 'Internal' }, {}],
    ['scales a pool that is scaled by hand', { owner: 'None' }, {}],
    ['scales by what no router serves', { owner: 'HPA', target: { metric: 'KVCache' } }, {}],
    ['scales a pool whose scaling is only recommended', { owner: 'HPA', mode: 'Recommend' }, {}],
    ['scales a suspended pool', { owner: 'KEDA' }, { suspend: true }],
  ])('%s', (_what, scaling, spec) => {
    const found = kinds(scaling, {}, spec);
    expect(found).not.toContain('ScaledObject');
    expect(found).not.toContain('HorizontalPodAutoscaler');
  });
});
