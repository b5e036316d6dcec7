import { describe, expect, it } from 'vitest';
import { poolSeen } from '../../harness/pool-seen.ts';
import { deploymentOf } from '../../specs/harness/pool.ts';
import type { PoolSeen } from './observe.ts';
import { givenReplicas } from './workloads.ts';

const scaling = { minReplicas: 1, maxReplicas: 4 };

/** A pool of this spec, whose workloads were told to have so many. */
const seenWith = (spec: Record<string, unknown>, told: readonly number[]): PoolSeen =>
  poolSeen(deploymentOf(spec), {
    workloads: told.map((replicas) => ({ apiVersion: '', kind: '', metadata: { name: 'chat' }, spec: { replicas } })),
  });

describe('replicas of a pool that our scaler does not decide on', () => {
  it.each([
    ['are those it has while it is paused', { paused: true, scaling }, [3], 3],
    ['are those of every revision while it is paused', { paused: true, replicas: 5 }, [2, 1], 3],
    ['are none where it was paused before it had any', { paused: true, scaling }, [], 0],
    ['are those it has while its spec cannot be carried out', { hardware: { class: 'gone' }, scaling }, [2], 2],
    ['are none while it is suspended', { suspend: true, scaling }, [3], 0],
    ['are those of the spec', { replicas: 2 }, [3], 2],
    ['are those it has until another scaler begins', { scaling: { ...scaling, owner: 'KEDA' } }, [3], 3],
  ])('%s', (_what, spec, told, wanted) => {
    expect(givenReplicas(seenWith(spec, told))).toBe(wanted);
  });
});
