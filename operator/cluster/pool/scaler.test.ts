import { scalingSchema } from '@qwenfleet/crds/qwendeployment/scaling';
import { describe, expect, it } from 'vitest';
import { scaleSpecOf } from '../../scale/spec.ts';
import { PoolScaler, type Look } from './scaler.ts';

const look = (scaling: object, more: Partial<Look> = {}): Look => ({
  spec: scaleSpecOf(scalingSchema.parse(scaling), 16),
  live: 1,
  remembered: undefined,
  initial: 1,
  sample: { ready: 1, slots: 16, routers: [{ inFlight: 0, held: 0, idleMs: 0 }], replicas: [] },
  starting: 0,
  ...more,
});

describe('the scaler of a pool in a cluster', () => {
  it('keeps to the hours of a schedule', () => {
    const scaling = { minReplicas: 1, schedules: [{ start: '08:00', end: '18:00', minReplicas: 3 }] };
    const scaler = new PoolScaler();
    expect(scaler.look(look(scaling), Date.parse('2026-11-24T07:59:59Z')).desired).toBe(1);
    expect(scaler.look(look(scaling), Date.parse('2026-11-24T08:00:00Z')).desired).toBe(3);
  });

  it('grows by what the other routers say while one is silent, and removes nothing', () => {
    const scaling = { minReplicas: 1, maxReplicas: 8, target: { value: 4 }, scaleDownDelay: '1s' };
    const scaler = new PoolScaler();
    const seen = (inFlight: number, nowMs: number): number => {
      const sample = { ready: 1, slots: 16, routers: [{ inFlight, held: 0, idleMs: 0 }, undefined], replicas: [] };
      return scaler.look(look(scaling, { sample }), nowMs).desired;
    };
    for (let at = 0; at < 20; at += 1) seen(40, at * 1_000);
    const grown = seen(40, 20_000);
    expect(grown).toBeGreaterThan(3);
    for (let at = 21; at < 200; at += 1) seen(0, at * 1_000);
    expect(seen(0, 200_000)).toBe(grown);
  });
});
