import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf, hardwareOf } from '../harness/objects.ts';
import { resolveDeployment } from '../reconcile/qwendeployment/plan/resolve.ts';
import { localSubstrate } from './substrate.ts';

const gapsOf = (spec: Record<string, unknown>): string[] =>
  resolveDeployment(deploymentOf(spec), cpuClass, localSubstrate).notActedOn.map(({ path }) => path);

describe('processes of this machine', () => {
  it('honour a plain pool in full', () => {
    expect(gapsOf({})).toEqual([]);
    expect(gapsOf({ routing: { strategy: 'LeastLoad', loadFactor: 150 }, replicas: 2 })).toEqual([]);
    const schedules = [{ start: '08:00', end: '18:00', minReplicas: 1 }];
    expect(gapsOf({ scaling: { schedules } })).toEqual([]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['spec.parallelism', { parallelism: { tensor: 1 } }],
    ['spec.scheduling', { scheduling: { nodeSelector: { zone: 'a' } } }],
    ['spec.podTemplate', { podTemplate: { spec: {} } }],
    ['spec.engine.image', { engine: { image: 'registry/engine:1' } }],
    ['spec.coldStart.keepAlive', { coldStart: { keepAlive: '5s' } }],
  ])('say that nothing follows from %s', (path, spec) => {
    expect(gapsOf(spec)).toEqual([path]);
  });

  it('say that an accelerator is not given, and what an inexact precision becomes', () => {
    const gpu = hardwareOf('gpu', { accelerator: { resourceName: 'nvidia.com/gpu' } });
    const { notActedOn } = resolveDeployment(deploymentOf({ quantization: 'fp8' }), gpu, localSubstrate);
    expect(notActedOn).toMatchObject([
      { path: 'spec.quantization', reason: expect.stringContaining('int8') },
      { path: 'spec.hardware', reason: expect.stringContaining('CPU') },
    ]);
  });
});
