import type { Instant } from '@qwenfleet/core/clock';
import { scalingSchema } from '@qwenfleet/crds/qwendeployment/scaling';
import { describe, expect, it } from 'vitest';
import type { RouterSample } from '../../scale/metrics.ts';
import { scaleSpecOf } from '../../scale/spec.ts';
import { toStatus, type ScalingStatus } from '../../scale/status.ts';
import { PoolScaler, type Look } from './scaler.ts';

const look = (scaling: object, more: Partial<Look> = {}): Look => ({
  spec: scaleSpecOf(scalingSchema.parse(scaling), 16),
  live: 1,
  rolling: false,
  written: undefined,
  initial: 1,
  sample: { ready: 1, slots: 16, routers: [{ inFlight: 0, held: 0, idleMs: 0 }], replicas: [] },
  starting: 0,
  ...more,
});
const epochMs = Date.parse('2026-11-24T10:00:00Z');
const at = (seconds: number): Instant => ({ nowMs: seconds * 1_000, epochMs: epochMs + seconds * 1_000 });
const sampleOf = (ready: number, ...routers: (RouterSample | undefined)[]) => ({
  ready,
  slots: 16,
  routers,
  replicas: [],
});
const busyWith = (inFlight: number): RouterSample => ({ inFlight, held: 0, idleMs: 0 });

describe('the scaler of a pool in a cluster', () => {
  it('keeps to the hours of a schedule', () => {
    const scaling = { minReplicas: 1, schedules: [{ start: '08:00', end: '18:00', minReplicas: 3 }] };
    const scaler = new PoolScaler();
    const desiredAt = (iso: string): number =>
      scaler.look(look(scaling), { nowMs: 0, epochMs: Date.parse(iso) }).desired;
    expect(desiredAt('2026-11-24T07:59:59Z')).toBe(1);
    expect(desiredAt('2026-11-24T08:00:00Z')).toBe(3);
  });

  it('says which schedule allows no replica, for as long as it holds', () => {
    const scaling = { minReplicas: 0, schedules: [{ start: '20:00', end: '06:00', maxReplicas: 0 }] };
    const scaler = new PoolScaler();
    const verdictAt = (iso: string, live: number) =>
      scaler.look(look(scaling, { live }), { nowMs: 0, epochMs: Date.parse(iso) });
    expect(verdictAt('2026-11-24T19:59:00Z', 1).closedBy).toBeUndefined();
    expect(verdictAt('2026-11-24T20:00:00Z', 1)).toMatchObject({ desired: 0, closedBy: '20:00 to 06:00 UTC' });
    expect(verdictAt('2026-11-25T06:00:00Z', 0)).toMatchObject({ desired: 0, closedBy: undefined });
  });

  it('grows by what the other routers say while one is silent, and removes nothing', () => {
    const scaling = { minReplicas: 1, maxReplicas: 8, target: { value: 4 }, scaleDownDelay: '1s' };
    const scaler = new PoolScaler();
    const seen = (inFlight: number, seconds: number): number => {
      const sample = sampleOf(1, busyWith(inFlight), undefined);
      return scaler.look(look(scaling, { sample }), at(seconds)).desired;
    };
    for (let second = 0; second < 20; second += 1) seen(40, second);
    const grown = seen(40, 20);
    expect(grown).toBeGreaterThan(3);
    for (let second = 21; second < 200; second += 1) seen(0, second);
    expect(seen(0, 200)).toBe(grown);
  });
});

describe('the scaler of an operator that was killed', () => {
  const scaling = { minReplicas: 1, maxReplicas: 8, target: { value: 4 }, scaleDownDelay: '1s' };

  /** What an operator left behind that has seen a load of 20 for two minutes: five replicas, and why. */
  function leftBehind(): ScalingStatus {
    const scaler = new PoolScaler();
    let status: ScalingStatus = {};
    for (let second = 0; second <= 120; second += 1) {
      const sample = sampleOf(5, busyWith(20));
      const { state } = scaler.look(look(scaling, { live: 1, sample }), at(second));
      status = toStatus(state, at(second));
    }
    return status;
  }

  it('keeps what was wanted, and says when and why', () => {
    const written = leftBehind();
    expect(written.desired).toBe(5);
    const quiet = sampleOf(5, busyWith(0));
    const scaler = new PoolScaler();
    // Another process, whose clock began somewhere else.
    const then = (seconds: number): Instant => ({ nowMs: 9e6 + seconds * 1_000, epochMs: at(121 + seconds).epochMs });
    const seen = (seconds: number) => scaler.look(look(scaling, { live: 5, written, sample: quiet }), then(seconds));
    const first = seen(0);
    expect(first).toMatchObject({ desired: 5, changed: false });
    expect(toStatus(first.state, then(0)).history).toEqual(written.history);
    for (let seconds = 1; seconds < 59; seconds += 1) expect(seen(seconds).desired).toBe(5);
    for (let seconds = 59; seconds < 180; seconds += 1) seen(seconds);
    expect(seen(180).desired).toBe(1);
  });

  it('does not take the half of a rollout for the whole', () => {
    const written = leftBehind();
    const sample = sampleOf(1, busyWith(20));
    const half = look(scaling, { live: 2, rolling: true, written, sample });
    expect(new PoolScaler().look(half, at(121)).desired).toBe(5);
  });

  it('does not hear anything yet: nothing changes', () => {
    const written = leftBehind();
    const deaf = look(scaling, { live: 5, written, sample: sampleOf(5) });
    expect(new PoolScaler().look(deaf, at(121))).toMatchObject({ desired: 5, changed: false });
  });
});
