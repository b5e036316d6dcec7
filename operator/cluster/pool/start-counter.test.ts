import { describe, expect, it } from 'vitest';
import type { LivePod } from '../../reconcile/qwendeployment/plan/pods/live.ts';
import { StartCounter } from './start-counter.ts';

const pod = (restartCount: number, ready = false, name = 'a'): LivePod => ({
  metadata: { name },
  status: {
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    containerStatuses: [{ name: 'engine', ready, restartCount }],
  },
});
const failed = (counter: StartCounter, of: LivePod): number => {
  counter.look([of]);
  return counter.failed(of);
};

describe('starts that failed in a row', () => {
  it('are counted from when the pod was ready last', () => {
    const counter = new StartCounter();
    expect([pod(0), pod(3), pod(3, true), pod(4), pod(6)].map((of) => failed(counter, of))).toEqual([0, 3, 0, 1, 3]);
  });

  it('do not hold what happened before anybody looked', () => {
    const counter = new StartCounter();
    expect([pod(40), pod(42)].map((of) => failed(counter, of))).toEqual([0, 2]);
  });

  it('are those of pods of an init container too, and forgotten with the pod', () => {
    const counter = new StartCounter();
    const pulling = (restartCount: number): LivePod => ({
      metadata: { name: 'b' },
      status: { initContainerStatuses: [{ name: 'pull', ready: false, restartCount }] },
    });
    expect(failed(counter, pulling(0))).toBe(0);
    const again = pulling(2);
    expect(failed(counter, again)).toBe(2);
    counter.look([]);
    expect(failed(counter, again)).toBe(0);
  });
});
