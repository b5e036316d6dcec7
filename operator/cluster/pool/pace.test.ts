import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { describe, expect, it } from 'vitest';
import type { CustomObject } from '../kinds.ts';
import { figuresEveryMs, StatusPace } from './pace.ts';

type Is = { ready?: number; reason?: string; desired?: number };
const status = ({ ready = 1, reason = 'Serving', desired = 5 }: Is = {}): QwenDeploymentStatus => ({
  readyReplicas: ready,
  availableReplicas: ready,
  scaling: { desired },
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason,
      message: `${ready} of ${desired} replicas answer`,
      lastTransitionTime: '2026-03-01T10:00:00Z',
    },
  ],
});
const pool = (of: unknown): CustomObject => ({
  apiVersion: 'qwenfleet.io/v1alpha1',
  kind: 'QwenDeployment',
  metadata: { name: 'a', namespace: 'b' },
  status: of,
});

describe('the status of a pool whose replicas come one by one', () => {
  it('is written now and then, not for each of them', () => {
    const pace = new StatusPace();
    const object = pool(status({ ready: 1 }));
    expect(pace.waitMs(object, status({ ready: 2 }), 1_000)).toBe(figuresEveryMs);
    expect(pace.waitMs(object, status({ ready: 3 }), 6_000)).toBe(figuresEveryMs - 5_000);
    expect(pace.waitMs(object, status({ ready: 4 }), 1_000 + figuresEveryMs)).toBe(0);
    expect(pace.waitMs(pool(status({ ready: 4 })), status({ ready: 5 }), 1_000 + figuresEveryMs)).toBe(figuresEveryMs);
  });

  it.each([
    ['a condition has another reason', { reason: 'Starting' }],
    ['another number is wanted', { desired: 6 }],
  ])('is written at once when %s', (_name, is) => {
    expect(new StatusPace().waitMs(pool(status()), status(is), 0)).toBe(0);
  });

  it('is written at once when a revision is told to have another number, which must be stored before it is done', () => {
    const told = (replicas: number): QwenDeploymentStatus => ({
      ...status(),
      rollout: { currentRevision: 'a', replicas: [{ revision: 'a', replicas }] },
    });
    expect(new StatusPace().waitMs(pool(told(6)), told(7), 0)).toBe(0);
  });

  it('is written at once when there is none', () => {
    expect(new StatusPace().waitMs(pool(undefined), status(), 0)).toBe(0);
  });
});
