import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf } from '../../../harness/objects.ts';
import { localSubstrate } from '../../../local/substrate.ts';
import { resolveDeployment } from './resolve.ts';
import { revisionOf, runtimeConfigOf } from './runtime-config.ts';

type Fields = Record<string, unknown>;

function configOf(spec: Fields = {}, cacheDir = '/cache'): RuntimeConfig {
  const deployment = deploymentOf(spec);
  return runtimeConfigOf(deployment, resolveDeployment(deployment, cpuClass, localSubstrate), cacheDir);
}
const uri = 'hf://Qwen/Qwen3-0.6B';

describe('what a runtime is told', () => {
  it('is everything that its pool decides', () => {
    const sha256 = 'ab'.repeat(32);
    const spec = {
      model: { uri, revision: 'main', servedName: 'qwen', verify: { sha256 } },
      quantization: 'int4',
      engine: { maxConcurrency: 4, contextLength: 1024, threads: 3 },
      drain: { preStop: '1s', gracePeriod: '90s' },
    };
    expect(configOf(spec)).toMatchObject({
      servedName: 'qwen',
      model: { uri, revision: 'main', sha256 },
      quantization: 'int4',
      cacheDir: '/cache',
      engine: { slots: 4, contextLength: 1024, threads: 3 },
      drain: { graceMs: 90_000 },
    });
  });

  it('names neither a revision nor a digest that nobody asked for', () => {
    expect(configOf().model).toEqual({ uri });
  });
});

describe('the revision of a runtime', () => {
  const revision = (spec: Fields = {}): string => revisionOf(configOf(spec));

  it('is short, and the same each time', () => {
    expect(revision()).toMatch(/^[0-9a-f]{10}$/);
    expect(revision()).toBe(revision());
  });

  it.each<[string, Fields]>([
    ['the weights', { model: { uri: 'hf://Qwen/Qwen3-1.7B' } }],
    ['the commit', { model: { uri, revision: 'v2' } }],
    ['the digest', { model: { uri, verify: { sha256: 'cd'.repeat(32) } } }],
    ['the name', { model: { uri, servedName: 'other' } }],
    ['the precision', { quantization: 'int8' }],
    ['the places in a batch', { engine: { maxConcurrency: 2 } }],
    ['the context', { engine: { contextLength: 512 } }],
    ['the threads', { engine: { threads: 9 } }],
    ['the time to drain', { drain: { gracePeriod: '77s' } }],
  ])('changes with %s', (_, spec) => {
    expect(revision(spec)).not.toBe(revision());
  });

  it.each<[string, Fields]>([
    ['how many replicas there are', { scaling: { minReplicas: 3, maxReplicas: 9 } }],
    ['who may be asked instead', { coldStart: { fallbackTier: 'large' } }],
    ['other names', { model: { uri, aliases: ['latest'] } }],
    ['a pause', { paused: true }],
    ['the default written out', { quantization: 'none' }],
  ])('does not change with %s, or every replica would be replaced', (_, spec) => {
    expect(revision(spec)).toBe(revision());
  });

  it('does not depend on where files and ports are', () => {
    const path = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(path, fc.integer({ min: 0, max: 65_535 }), (cacheDir, port) => {
        const moved = { ...configOf({}, cacheDir), listen: { host: '0.0.0.0', port } };
        expect(revisionOf(moved)).toBe(revision());
      }),
    );
  });
});
