import { limitsOf, readyOf } from '@qwenfleet/operator/rollout/shift';
import type { RolloutSpec } from '@qwenfleet/operator/rollout/types';
import { only } from '../world/api.ts';
import { viewsOf } from '../world/picture.ts';
import type { Turn } from '../world/reconciler.ts';
import type { Parts } from './checks.ts';

type Counts = ReadonlyMap<string, number>;

/** Never more replicas told than wanted and surge, never fewer ready than the floor by our own doing. */
export class Replicas {
  readonly #parts: Parts;
  #before: { told: number; ready: Counts } = { told: 0, ready: new Map() };

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Takes the measure right before a write. */
  remember(): void {
    this.#before = { told: this.#parts.cluster.told, ready: this.#ready() };
  }

  problem(turn: Turn): string | undefined {
    if (turn.picture.pool.body.paused) return 'replicas are written though the pool is paused';
    return this.#aboveCap(turn) ?? this.#belowFloor(turn);
  }

  #ready(): Counts {
    const { api, cluster } = this.#parts;
    return new Map(api.list('workload').map(({ metadata: { name } }) => [name, cluster.ready(name)]));
  }

  #aboveCap({ desired, rollout, picture }: Turn): string | undefined {
    const { told, lastHandMs } = this.#parts.cluster;
    // Nor is what somebody else did that the picture does not show yet.
    if (lastHandMs >= picture.workloadsAsOfMs) return undefined;
    const cap = capOf(rollout, desired);
    return told > Math.max(this.#before.told, cap)
      ? `${told} replicas told, ${cap} allowed for ${desired} wanted`
      : undefined;
  }

  #belowFloor({ desired, decision, picture, rollout }: Turn): string | undefined {
    const { api, cluster } = this.#parts;
    // Replicas that get no traffic are missed by nobody.
    const weights = api.get('traffic', only)?.body.weights ?? {};
    const serving = (by: Counts): number =>
      [...by].reduce((sum, [revision, count]) => sum + (weights[revision] ? count : 0), 0);
    const [had, ready] = [serving(this.#before.ready), serving(this.#ready())];
    // A failure that the picture does not show yet is nobody's fault.
    if (ready >= had || cluster.lastFailureMs >= picture.podsAsOfMs) return undefined;
    const { drainFirst } = decision.state;
    const { unavailable } = limitsOf(rollout, drainFirst);
    const floor = Math.min(desired, drainFirst?.reach ?? desired) - unavailable;
    // What became ready since the picture was taken may go instead of what it shows as unready.
    const views = viewsOf(picture, { weightOf: () => 0, nowMs: 0, beganMs: 0 });
    const seen = serving(new Map(views.map((view) => [view.revision, readyOf(view)])));
    return ready < Math.min(had, seen, floor)
      ? `${had} ready replicas became ${ready}, at least ${floor} should stay`
      : undefined;
  }
}

/** Most replicas of all revisions together. */
const capOf = ({ strategy, maxSurge }: RolloutSpec, desired: number): number =>
  strategy === 'BlueGreen' ? Math.max(2 * desired, desired + maxSurge) : desired + maxSurge;
