import { describe, expect, it } from 'vitest';
import { endpointSliceSchema, poolObjectSchema, snapshotOf, type EndpointSlice, type PoolObject } from './snapshot.ts';

const pool = (spec: object = {}, status: object = {}): PoolObject =>
  poolObjectSchema.parse({ metadata: { name: 'small' }, spec, status });

type EndpointInput = {
  ip: string;
  uid?: string;
  pod?: string;
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
};
const slice = (name: string, endpoints: EndpointInput[], service = 'small'): EndpointSlice =>
  endpointSliceSchema.parse({
    metadata: { name, labels: { 'kubernetes.io/service-name': service } },
    ports: [
      { name: 'metrics', port: 9000 },
      { name: 'http', port: 8000 },
    ],
    endpoints: endpoints.map(({ ip, uid = `uid-${ip}`, pod = `pod-${ip}`, ...conditions }) => ({
      addresses: [ip],
      conditions,
      targetRef: { name: pod, uid },
    })),
  });

const of = (object: PoolObject, ...slices: EndpointSlice[]) => snapshotOf([object], slices, 7).pools['small'];

describe('a pool in a cluster', () => {
  it('is where the ready pods of its Service are', () => {
    const seen = of(
      pool(),
      slice('a', [{ ip: '10.0.0.1', ready: true }, { ip: 'fd00::1' }]),
      slice('b', [{ ip: '10.0.0.9' }], 'other'),
    );
    expect(seen?.endpoints).toEqual([
      { id: 'uid-10.0.0.1', url: 'http://10.0.0.1:8000', state: 'ready' },
      { id: 'uid-fd00::1', url: 'http://[fd00::1]:8000', state: 'ready' },
    ]);
  });

  it('gives nothing new to a pod that is going, and lets it finish', () => {
    const going = { ip: '10.0.0.1', ready: false, serving: true, terminating: true };
    expect(of(pool(), slice('a', [going]))?.endpoints).toMatchObject([{ state: 'draining' }]);
    expect(of(pool(), slice('a', [{ ...going, serving: false }]))?.endpoints).toEqual([]);
  });

  it('knows the revision of each pod by its name', () => {
    const pods = ['small-0a1b2c3d4e-6f9c8d7b5-x2x4z', 'small-ffffffffff-6f9c8d7b5-abcde', 'small-by-hand'];
    const seen = of(
      pool(),
      slice(
        'a',
        pods.map((pod, at) => ({ ip: `10.0.0.${at + 1}`, pod })),
      ),
    );
    expect(seen?.endpoints.map(({ revision }) => revision)).toEqual(['0a1b2c3d4e', 'ffffffffff', undefined]);
  });

  it('leaves out a pod that is not ready', () => {
    expect(of(pool(), slice('a', [{ ip: '10.0.0.1', ready: false }]))?.endpoints).toEqual([]);
  });

  it('counts a pod once that stands in two slices', () => {
    const both = { ip: '10.0.0.1', uid: 'same' };
    expect(of(pool(), slice('a', [both]), slice('b', [both]))?.endpoints).toHaveLength(1);
  });

  it('is starting while it has fewer replicas than it wants', () => {
    expect(of(pool({}, { scaling: { desired: 3 } }), slice('a', [{ ip: '10.0.0.1' }]))).toMatchObject({
      desired: 3,
      starting: 2,
    });
  });

  it.each([
    ['at zero by its scaler', { scaling: {} }, true],
    ['with a fixed number of replicas', {}, false],
    ['that always has one', { scaling: { minReplicas: 1 } }, false],
    ['that a schedule takes to zero', { scaling: { minReplicas: 1, schedules: [{ minReplicas: 0 }] } }, true],
    ['that KEDA scales', { scaling: { owner: 'KEDA' } }, false],
    ['that is only recommended to', { scaling: { mode: 'Recommend' } }, false],
    ['that is suspended', { scaling: {}, suspend: true }, false],
    ['that is paused', { scaling: {}, paused: true }, false],
  ])('%s may be woken by a request: see the row', (_name, spec, wakeable) => {
    expect(of(pool(spec))?.wakeable).toBe(wakeable);
  });

  it('says why waiting would be in vain', () => {
    const failed = { type: 'Ready', status: 'False', reason: 'LoadFailed', message: 'the file is truncated' };
    expect(of(pool({}, { conditions: [failed] }))?.problem).toBe('the file is truncated');
    const starting = { ...failed, reason: 'Starting' };
    expect(of(pool({}, { conditions: [starting] }))).not.toHaveProperty('problem');
    expect(of(pool({}, { conditions: [failed] }), slice('a', [{ ip: '10.0.0.1' }]))).not.toHaveProperty('problem');
    expect(of(pool({ suspend: true }))?.problem).toBe('the pool is suspended');
    const closed = { ...failed, reason: 'OutOfHours', message: 'its schedule allows no replica' };
    expect(of(pool({ scaling: {} }, { conditions: [closed] }))?.problem).toBe('its schedule allows no replica');
  });

  it('is at its URL when the server is external', () => {
    expect(of(pool({ engine: { type: 'external', url: 'http://10.9.9.9:8000' } }))).toMatchObject({
      endpoints: [{ id: 'small', url: 'http://10.9.9.9:8000', state: 'ready' }],
      wakeable: false,
    });
  });
});
