import { describe, expect, it } from 'vitest';
import type { LivePod } from '../../reconcile/qwendeployment/plan/pods/live.ts';
import { RestartCounter } from './restart-counter.ts';

const pod = (restartCount: number, reason = 'Error', name = 'a'): LivePod => ({
  metadata: { name },
  status: {
    containerStatuses: [
      { name: 'engine', ready: true, restartCount, lastState: { terminated: { exitCode: 137, reason } } },
    ],
  },
});

describe('restarts of a pool', () => {
  it('are counted from look to look, each with its reason', () => {
    const counter = new RestartCounter();
    const looks = [pod(0), pod(1, 'OOMKilled'), pod(1, 'OOMKilled'), pod(3)].map((seen) => counter.look([seen]));
    expect(looks).toEqual([[], [{ reason: 'OOMKilled', count: 1 }], [], [{ reason: 'Error', count: 2 }]]);
  });

  it('do not hold what happened before anybody looked, nor what a new pod begins with', () => {
    const counter = new RestartCounter();
    expect(counter.look([pod(40)])).toEqual([]);
    expect(counter.look([pod(40), pod(2, 'Error', 'b')])).toEqual([]);
    expect(counter.look([pod(40), pod(3, 'Error', 'b')])).toEqual([{ reason: 'Error', count: 1 }]);
  });

  it('go under a reason of a few, whatever a runtime of containers says', () => {
    const counter = new RestartCounter();
    counter.look([pod(0)]);
    expect(counter.look([pod(1, 'StartError-7f3a')])).toEqual([{ reason: 'Other', count: 1 }]);
  });
});
