import type { Condition } from '@qwenfleet/crds/status';
import { describe, expect, it } from 'vitest';
import { noticesOf } from './notices.ts';

const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  type,
  status,
  reason,
  message: `${type} is ${reason}`,
  lastTransitionTime: '2026-03-01T10:00:00Z',
});
const serving = condition('Ready', 'True', 'Serving');
const available = condition('WorkloadAvailable', 'True', 'MinimumAvailable');
const short = condition('WorkloadAvailable', 'False', 'InsufficientGPU');
const said = (before: Condition[] | undefined, after: Condition[]): string[] =>
  noticesOf(before, after).map(({ type, reason }) => `${type} ${reason}`);

describe('events of an object', () => {
  it('tell that it is ready, and nothing while it stays so', () => {
    expect(said(undefined, [serving, available])).toEqual(['Normal Serving']);
    expect(said([serving, available], [serving, available])).toEqual([]);
    expect(noticesOf(undefined, [serving])).toEqual([{ type: 'Normal', reason: 'Serving', note: 'Ready is Serving' }]);
  });

  it('tell that a replica has no device, though others serve', () => {
    expect(said([serving, available], [serving, short])).toEqual(['Warning InsufficientGPU']);
  });

  it('say once what is wrong with both', () => {
    const starting = [condition('Ready', 'False', 'Starting'), condition('WorkloadAvailable', 'False', 'Starting')];
    expect(said(undefined, starting)).toEqual(['Normal Starting']);
    expect(said(starting, [condition('Ready', 'False', 'InsufficientGPU'), short])).toEqual([
      'Warning InsufficientGPU',
    ]);
  });

  it('do not tell that replicas come and go', () => {
    const fewer = condition('WorkloadAvailable', 'False', 'Starting');
    expect(said([serving, available], [serving, fewer])).toEqual([]);
    expect(said([serving, short], [serving, available])).toEqual([]);
  });
});
