import { describe, expect, it } from 'vitest';
import { revisionDigits, revisionName, revisionOfPod } from './revision-name.ts';

/** What the API server makes of a generated name: at most 58 characters, and five of chance. */
const generated = (base: string): string => `${base.slice(0, 58)}x2x4z`;
const revision = '0a1b2c3d4e';

describe('the name of a pod', () => {
  it('tells its revision', () => {
    expect(revision).toHaveLength(revisionDigits);
    expect(revisionOfPod('qwen-7b', `${revisionName('qwen-7b', revision)}-6f9c8d7b5-x2x4z`)).toBe(revision);
    expect(revisionOfPod('qwen-7b', `${revisionName('qwen-7b', revision)}-0`), 'of a LeaderWorkerSet').toBe(revision);
  });

  it('tells it of the longest name that a pool may have', () => {
    const pool = 'p'.repeat(40);
    const workload = revisionName(pool, revision);
    const replicaSet = `${workload}-6f9c8d7b5f`;
    expect(workload).toHaveLength(51);
    expect(revisionOfPod(pool, generated(`${replicaSet}-`))).toBe(revision);
  });

  it.each(['other-0a1b2c3d4e-6f9-x', 'qwen-7b', 'qwen-7b-debug', 'qwen-7b-0a1b2c3d4g-6f9-x', 'qwen-7b-0a1b2c3d4e'])(
    'that is %s tells nothing',
    (name) => {
      expect(revisionOfPod('qwen-7b', name)).toBeUndefined();
    },
  );
});
