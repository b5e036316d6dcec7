import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { metrics, signalOf, type PoolSample, type ReplicaSample } from './metrics.ts';
import type { MetricName } from './types.ts';

const replica = (sample: Partial<ReplicaSample> = {}): ReplicaSample => ({
  queued: 0,
  kvTokens: 0,
  kvTokensMax: 1_000,
  completionTokensPerSecond: 0,
  ...sample,
});
const pool = (sample: Partial<PoolSample> = {}): PoolSample => ({
  ready: 2,
  slots: 4,
  routers: [{ inFlight: 10, held: 3, idleMs: 20 }],
  replicas: [],
  ...sample,
});
const valueOf = (metric: MetricName, sample: Partial<PoolSample>, target = 80): number | undefined =>
  signalOf(metric, pool(sample), target)?.value;

describe('what a pool is scaled by', () => {
  it('Concurrency is what runs and what waits, over all routers', () => {
    expect(valueOf('Concurrency', {})).toBe(13);
    const routers = [
      { inFlight: 10, held: 3 },
      { inFlight: 4, held: 0 },
    ];
    expect(valueOf('Concurrency', { routers })).toBe(17);
  });

  it('QueueDepth is what waits at the router and what the replicas cannot work on yet', () => {
    expect(valueOf('QueueDepth', {})).toBe(3 + 2);
    expect(valueOf('QueueDepth', { replicas: [replica({ queued: 4 }), replica({ queued: 1 })] })).toBe(3 + 5);
    expect(valueOf('QueueDepth', { routers: [{ inFlight: 5, held: 0 }] })).toBe(0);
  });

  it('KVCache is percent in use, summed: two half full caches are 100', () => {
    expect(valueOf('KVCache', { replicas: [replica({ kvTokens: 500 }), replica({ kvTokens: 500 })] })).toBe(100);
    expect(valueOf('KVCache', { ready: 1, replicas: [replica({ kvTokensMax: 0 })] })).toBe(0);
  });

  it('TokensPerSecond is what the replicas decode', () => {
    const replicas = [replica({ completionTokensPerSecond: 300 }), replica({ completionTokensPerSecond: 150 })];
    expect(valueOf('TokensPerSecond', { replicas }, 200)).toBe(450);
  });

  it('has a target where the spec names none', () => {
    const targets = Object.entries(metrics).map(([name, metric]) => [name, metric.defaultTarget(64)]);
    expect(Object.fromEntries(targets)).toEqual({
      Concurrency: 44.8,
      QueueDepth: 8,
      KVCache: 80,
      TokensPerSecond: 1000,
    });
  });
});

describe('reports that are missing', () => {
  it('of one replica neither add nor remove a replica: it counts as being at the target', () => {
    expect(valueOf('KVCache', { ready: 3, replicas: [replica({ kvTokens: 800 })] })).toBe(80 * 3);
    const unknown = [replica({ completionTokensPerSecond: undefined }), replica({ completionTokensPerSecond: 50 })];
    expect(valueOf('TokensPerSecond', { replicas: unknown }, 200)).toBe(250);
  });

  it('of every replica leave nothing to go by', () => {
    expect(valueOf('KVCache', {})).toBeUndefined();
    expect(valueOf('TokensPerSecond', {})).toBeUndefined();
    expect(valueOf('KVCache', { ready: 0 }), 'a pool at zero has empty caches').toBe(0);
  });

  it('of every router make no signal; of some, a floor', () => {
    expect(signalOf('Concurrency', pool({ routers: [] }), 10)).toBeUndefined();
    expect(signalOf('Concurrency', pool({ routers: [undefined] }), 10)).toBeUndefined();
    const routers = [{ inFlight: 5, held: 0, idleMs: 7_000 }, undefined];
    expect(signalOf('Concurrency', pool({ routers }), 10)).toEqual({
      value: 5,
      inFlight: 5,
      held: 0,
      idleMs: 7_000,
      partial: true,
    });
  });

  it('of idle time count for nothing: the latest request that any router knows of does', () => {
    const routers = [
      { inFlight: 0, held: 0 },
      { inFlight: 0, held: 0, idleMs: 900 },
      { inFlight: 0, held: 0, idleMs: 30 },
    ];
    expect(signalOf('Concurrency', pool({ routers }), 10)?.idleMs).toBe(30);
  });
});

it('more demand never measures as less, whatever the metric', () => {
  const names = fc.constantFrom<MetricName>('Concurrency', 'QueueDepth', 'KVCache', 'TokensPerSecond');
  const samples = fc.record({
    inFlight: fc.nat(50),
    held: fc.nat(50),
    tokens: fc.nat(1_000),
    ready: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(names, samples, fc.nat(20), (metric, { inFlight, held, tokens, ready }, more) => {
      const at = (extra: number): number =>
        valueOf(metric, {
          ready,
          routers: [{ inFlight: inFlight + extra, held: held + extra }],
          replicas: [replica({ kvTokens: tokens + extra, completionTokensPerSecond: tokens + extra, queued: extra })],
        }) ?? -1;
      return at(more) >= at(0);
    }),
    { seed: 11 },
  );
});
