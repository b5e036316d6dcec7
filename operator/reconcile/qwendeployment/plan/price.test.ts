import { describe, expect, it } from 'vitest';
import { deploymentOf, hardwareOf } from '../../../harness/objects.ts';
import { priceOf } from './price.ts';

const gpu = hardwareOf('gpu', { accelerator: { resourceName: 'nvidia.com/gpu' }, pricePerHour: '0.80' });
const on = (count: number, more: object = {}) => deploymentOf({ hardware: { class: 'gpu', count }, ...more }).spec;

describe('the price of a pool', () => {
  it('is that of all devices of a replica, by the hour', () => {
    expect(priceOf(on(1), gpu)).toEqual({ perReplicaHour: 0.8 });
    expect(priceOf(on(4), gpu)).toEqual({ perReplicaHour: 3.2 });
  });

  it('counts the devices of every node that a replica spans', () => {
    expect(priceOf(on(8, { parallelism: { tensor: 8, pipeline: 2 } }), gpu).perReplicaHour).toBeCloseTo(12.8);
  });

  it('is what a server elsewhere charges, whatever the hardware', () => {
    const external = { hardware: undefined, model: { servedName: 'gpt' } };
    const engine = { type: 'external', url: 'http://10.0.0.7:8000', upstreamModel: 'big' };
    const charged = deploymentOf({ ...external, engine: { ...engine, pricePerMillionTokens: '0.10' } }).spec;
    expect(priceOf(charged, undefined)).toEqual({ perMillionTokens: 0.1 });
    expect(priceOf(deploymentOf({ ...external, engine }).spec, gpu)).toEqual({});
  });

  it('is not known where the class has none, or is not there', () => {
    expect(priceOf(on(1), hardwareOf('free'))).toEqual({});
    expect(priceOf(on(1), undefined)).toEqual({});
  });
});
