import { describe, expect, it } from 'vitest';
import { deploymentOf, everything, gpuClass, planOf, poolFor } from '../harness/pool.ts';
import { engineContainer } from '../pool/engine-container.ts';
import type { PodEngine } from './engine.ts';
import { engineOf, engineTypes } from './registry.ts';

const inPods = engineTypes.filter((type) => type !== 'external');
/** Weights that every engine can read. */
const model = { uri: 'pvc://weights/model' };

/** The promises that the rest of the operator relies on, whichever engine runs. */
describe.each(inPods)('engine %s', (type) => {
  const deployment = deploymentOf({ engine: { type }, model });
  const pool = poolFor(deployment);
  const container = engineContainer(pool);
  const ports = new Map((container.ports ?? []).map(({ name, containerPort }) => [name, containerPort]));

  it('answers at the port of the Service', () => {
    expect(ports.get('http')).toBe(8000);
  });

  it('serves metrics at a port that it has', () => {
    expect(ports.has(pool.engine.metricsPort)).toBe(true);
  });

  it('is asked whether it is ready and whether it lives, and is given time to start', () => {
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect(probe?.httpGet?.path).toMatch(/^\//);
      expect(probe?.httpGet?.port).toBe('http');
    }
  });

  it('is not told to stop before everyone has noticed', () => {
    const { sleep, exec } = container.lifecycle?.preStop ?? {};
    expect(sleep?.seconds ?? exec?.command?.includes('15')).toBeTruthy();
  });

  it('finds its weights where they are mounted', () => {
    const told = [...(container.args ?? []), pool.config ? pool.weights.location : ''].join(' ');
    expect(told).toContain('/mnt/model/model');
    expect(container.volumeMounts).toContainEqual({ name: 'model', mountPath: '/mnt/model', readOnly: true });
  });

  it('can write its home, which its user does not have', () => {
    expect(container.env).toContainEqual({ name: 'HOME', value: '/tmp' });
  });

  it('spans nodes, or says that it does not', () => {
    const wide = deploymentOf({
      engine: { type },
      model,
      hardware: { class: 'gpu', count: 2 },
      parallelism: { tensor: 2, pipeline: 2 },
    });
    const { blocked } = planOf(wide, { hardwareClass: gpuClass, capabilities: everything }).resolved;
    expect(blocked?.reason).toBe(engineOf(type)?.spanning ? undefined : 'NotSupported');
  });
});

describe('the engines', () => {
  it('are all that a QwenDeployment may name; external ones run elsewhere', () => {
    expect([...engineTypes].toSorted()).toEqual(['external', 'qwen', 'triton', 'vllm']);
    expect(engineOf('external')).toBeUndefined();
  });

  it.each([
    ['one device', { hardware: { class: 'cpu', count: 1 } }, 'qwen', 'one device'],
    ['several without an accelerator', { hardware: { class: 'cpu', count: 4 } }, 'qwen', 'no accelerators to share'],
    ['several accelerators', { hardware: { class: 'gpu', count: 4 } }, 'vllm', '4 devices share a model'],
    ['a choice', { hardware: { class: 'gpu', count: 4 }, engine: { type: 'triton' } }, 'triton', 'as the spec says'],
  ])('are chosen by %s', (_what, spec, type, reason) => {
    const setting = spec.hardware.class === 'gpu' ? { hardwareClass: gpuClass } : {};
    expect(planOf(deploymentOf({ ...spec }), setting).resolved.engine).toEqual({ type, reason });
  });

  it('are honest about accelerators that they do not use', () => {
    const notes = (engine: PodEngine['type']) =>
      planOf(deploymentOf({ engine: { type: engine }, hardware: { class: 'gpu' } }), {
        hardwareClass: gpuClass,
      }).resolved.notActedOn.filter(({ path }) => path === 'spec.hardware');
    expect(notes('qwen')).toEqual([{ path: 'spec.hardware', reason: expect.stringContaining('CPU') }]);
    expect(notes('vllm')).toEqual([]);
  });

  it('of ours has as many threads as its pod has CPU', () => {
    const threads = (spec: object) => planOf(deploymentOf({ ...spec })).resolved.threads;
    expect(threads({})).toBe(2);
    expect(threads({ hardware: { class: 'cpu', count: 4 } })).toBe(8);
    expect(threads({ engine: { threads: 3 } })).toBe(3);
  });
});
