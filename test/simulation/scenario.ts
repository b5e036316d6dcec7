import { deploymentSchema, type QwenDeployment } from '@qwenfleet/crds/kinds';
import { localSubstrate } from '@qwenfleet/operator/local/substrate';
import { planDeployment } from '@qwenfleet/operator/reconcile/qwendeployment/plan';
import { rolloutSpecOf } from '@qwenfleet/operator/rollout/spec';
import type { RolloutSpec } from '@qwenfleet/operator/rollout/types';
import type { ScaleSpec } from '@qwenfleet/operator/scale/types';
import { actsOf, type Act } from './acts.ts';
import { faultsOf, type Fault } from './faults.ts';
import { Chance } from './world/chance.ts';
import type { Turbulence } from './world/process.ts';
import { heldMs } from './world/router.ts';

/** What is the matter with a revision. */
export type Flaw = 'none' | 'errors' | 'slow' | 'never-ready' | 'crashes';

export type Revision = {
  name: string;
  flaw: Flaw;
  loadMs: number;
  errorRatio: number;
  ttftMs: number;
};

/** Everything that a seed decides before the world begins. */
export type Scenario = {
  seed: number;
  scale: ScaleSpec | undefined;
  rollout: RolloutSpec;
  /** Where replicas are fixed. */
  replicas: number;
  revisions: readonly Revision[];
  /** What people do. */
  acts: readonly Act[];
  faults: readonly Fault[];
  /** What goes wrong with single requests and events all the time, until it is quiet. */
  turbulence: Turbulence;
  /** Requests in a second, from a time on. */
  load: readonly { atMs: number; perSecond: number }[];
  routers: number;
  /** Does a router start the first replica itself, when a request waits at zero? */
  wakes: boolean;
  /** From here on nothing goes wrong any more, and load is steady. */
  quietFromMs: number;
  untilMs: number;
  accelerators: number;
  slots: number;
  serviceMs: number;
};

const minuteMs = 60_000;
/** The simulated clock begins at 12:00 UTC, so that a schedule can begin in the middle. */
export const epochStartMs = Date.UTC(2026, 10, 24, 12, 0, 0);
/** A bounded time for everything to come to an end, once nothing goes wrong any more. */
export const convergeWithinMs = 45 * minuteMs;

export function scenarioOf(seed: number): Scenario {
  const chance = new Chance(seed, 1);
  const slots = chance.whole(4, 12);
  const quietFromMs = chance.whole(6, 14) * minuteMs;
  const flaws = flawsOf(chance);
  const spec = specOf(chance, slots);
  const deployments = flaws.map((_flaw, at) => deploymentOf(spec, at));
  const plans = deployments.map((deployment) =>
    planDeployment({ deployment, hardwareClass: undefined, substrate: localSubstrate, cacheDir: '/cache' }),
  );
  const [first] = deployments;
  const [plan] = plans;
  if (!first || !plan?.runtime) throw new Error(`a scenario without a revision: ${plan?.resolved.blocked?.message}`);
  const most = plan.scale?.maxReplicas ?? plan.initialReplicas;
  const serviceMs = chance.whole(1_500, 5_000);
  return {
    seed,
    scale: plan.scale,
    rollout: rolloutSpecOf(first.spec),
    replicas: plan.initialReplicas,
    revisions: plans.map((made, at) => revisionOf(made.runtime?.revision ?? `r${at}`, flaws[at] ?? 'none', chance)),
    acts: actsOf({ revisions: flaws.length, quietFromMs, most }, chance),
    faults: faultsOf(quietFromMs, chance),
    turbulence: turbulenceOf(chance),
    load: loadOf(plan.scale, { quietFromMs, serviceMs, slots, most }, chance),
    routers: chance.whole(1, 2),
    wakes: chance.happens(0.5),
    quietFromMs,
    untilMs: quietFromMs + convergeWithinMs,
    accelerators: chance.happens(0.5) ? Infinity : Math.max(2, most + chance.whole(-1, 1)),
    slots,
    serviceMs,
  };
}

function flawsOf(chance: Chance): Flaw[] {
  const flaw = (): Flaw =>
    chance.happens(0.5) ? 'none' : chance.pick(['errors', 'errors', 'slow', 'never-ready', 'crashes']);
  return ['none', ...Array.from({ length: chance.whole(1, 3) }, flaw)];
}

function specOf(chance: Chance, slots: number): Record<string, unknown> {
  const strategy = chance.pick(['Rolling', 'Canary', 'Canary', 'BlueGreen', 'OnDelete', 'ABTest']);
  const surge = chance.whole(0, 2);
  // A pool that scales by its queue falls back to one replica again and again: no room for a canary without surge.
  const queue = surge > 0 && chance.happens(0.3);
  const fixed = chance.happens(0.15);
  const pause = `${chance.whole(15, 60)}s`;
  const canary = {
    steps: chance.pick<readonly number[]>([[10, 50], [25], [20, 50, 100]]).map((weight) => ({ weight, pause })),
    analysis: { maxErrorRatio: '0.02', maxTTFTP95: '2s', minRequests: chance.whole(20, 50) },
  };
  const minReplicas = chance.whole(0, 2);
  return {
    tier: 'small',
    engine: { maxConcurrency: slots },
    ...(fixed
      ? { replicas: chance.whole(2, 4) }
      : {
          scaling: {
            minReplicas,
            maxReplicas: chance.whole(3, 6),
            target: { metric: queue ? 'QueueDepth' : 'Concurrency' },
            window: chance.pick([
              { stable: '60s', panic: '6s' },
              { stable: '30s', panic: '5s' },
            ]),
            scaleDownDelay: queue ? '300s' : `${chance.whole(0, 120)}s`,
            ...(minReplicas === 0 ? { scaleToZeroAfter: `${chance.whole(30, 180)}s` } : {}),
            ...(chance.happens(0.2) ? { schedules: [{ start: '12:03', end: '12:12', minReplicas: 2 }] } : {}),
          },
        }),
    rollout: {
      strategy: strategy === 'ABTest' ? 'Rolling' : strategy,
      maxSurge: surge,
      maxUnavailable: surge === 0 ? chance.whole(1, 2) : chance.whole(0, 1),
      progressDeadline: `${chance.whole(4, 6)}m`,
      ...(strategy === 'Canary' ? { canary } : {}),
      ...(strategy === 'ABTest' ? { abTest: { weight: chance.pick([10, 50]) } } : {}),
    },
    slo: { ttftP95: '2s' },
  };
}

const deploymentOf = (spec: Record<string, unknown>, revision: number): QwenDeployment =>
  deploymentSchema.parse({
    apiVersion: 'qwenfleet.io/v1alpha1',
    kind: 'QwenDeployment',
    metadata: { name: 'pool' },
    spec: { ...spec, model: { uri: 'hf://Qwen/Qwen3-4B', revision: `v${revision}` } },
  });

const revisionOf = (name: string, flaw: Flaw, chance: Chance): Revision => ({
  name,
  flaw,
  loadMs: chance.whole(4_000, 40_000),
  errorRatio: flaw === 'errors' ? chance.between(0.15, 1) : 0.001,
  ttftMs: flaw === 'slow' ? chance.between(3_500, 9_000) : chance.between(100, 900),
});

function turbulenceOf(chance: Chance): Turbulence {
  const share = chance.pick([0, 0.02, 0.1]);
  const some = (): number => share * chance.rng();
  return { late: 2 * some(), twice: some(), lost: some(), failed: some(), unanswered: some(), slow: 2 * some() };
}

/** Quiet times, steady ones and bursts; in the end as much as keeps a part of the pool busy. */
function loadOf(
  scale: ScaleSpec | undefined,
  { quietFromMs, serviceMs, slots, most }: { quietFromMs: number; serviceMs: number; slots: number; most: number },
  chance: Chance,
): Scenario['load'] {
  const perReplica = (slots * 1000) / heldMs(serviceMs);
  const load: { atMs: number; perSecond: number }[] = [];
  for (let atMs = 0; atMs < quietFromMs; atMs += chance.between(30_000, 180_000)) {
    const replicas = chance.pick([0, 0, 0.3, 1, 1.5, most, 3 * most]);
    load.push({ atMs, perSecond: replicas * perReplica * (scale ? 1 : 0.5) });
  }
  // Two replicas carry it well, and one does not: a canary finds room beside the old revision.
  return [...load, { atMs: quietFromMs, perSecond: 0.4 * Math.min(most, 3) * perReplica }];
}
