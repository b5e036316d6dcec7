import type { Instant } from '@qwenfleet/core/clock';
import type { PoolLoad } from '@qwenfleet/core/load/pool-report';
import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import type { ReconcileResult } from '@qwenfleet/kube/controller/outcome';
import type { Environment } from '@qwenfleet/kube/environment';
import type { EventRecorder } from '@qwenfleet/kube/events/recorder';
import { splitKey } from '@qwenfleet/kube/object';
import type { HotAction } from '../../rollout/hot/drive.ts';
import type { Observed } from '../../reconcile/qwendeployment/plan/observed.ts';
import { clusterStatus, outsideScalerOf } from '../../reconcile/qwendeployment/plan/cluster-status.ts';
import type { ReplicaSample } from '../../scale/metrics.ts';
import { PoolMetrics, type PoolSize } from '../../pool-metrics.ts';
import { hostedBy } from '../../rollout/hot/host.ts';
import { toStatus } from '../../scale/status.ts';
import { engineOf } from '../../specs/engine/registry.ts';
import type { Integrations } from '../../specs/capabilities.ts';
import type { RouterService } from '../../specs/pool/scaled-object.ts';
import type { Images } from '../../specs/images.ts';
import type { Applier } from '../applier.ts';
import type { Caches } from '../caches.ts';
import { poolKind, type CustomObject } from '../kinds.ts';
import { noticesOf } from '../notices.ts';
import { sameStatus, writeStatus } from '../status-writer.ts';
import type { Engines } from './engines.ts';
import type { HotView } from './hot.ts';
import { writeObjects, type Settled } from './objects.ts';
import { observePool, type PoolSeen } from './observe.ts';
import { StatusPace } from './pace.ts';
import { RestartCounter } from './restart-counter.ts';
import { PoolScaler, type Verdict } from './scaler.ts';
import type { RouterReports } from './arm-counter.ts';
import { PoolRollout, type Rollout, type RolloutLook } from './rollout.ts';
import { statusOf, withoutMemoryNews, type WrittenStatus } from './status.ts';
import { givenReplicas, handOver, sizesOf, toldReplicas } from './workloads.ts';

export type PoolControllerParts = {
  client: KubeClient;
  caches: Caches;
  applier: Applier;
  events: EventRecorder;
  environment: Environment;
  telemetry: Telemetry;
  /** Images where nobody names one, by engine. */
  images: Images;
  integrations: Integrations;
  /** Of a router that takes the pool; undefined while none does. */
  routerServiceOf: (object: CustomObject) => RouterService | undefined;
  /** What each router says of a pool, undefined for one that is silent. */
  loadsOf: (object: CustomObject) => readonly (PoolLoad | undefined)[];
  /** What each ready replica says of its engine, where the pool scales by that. */
  replicaLoadsOf: (object: CustomObject) => readonly (ReplicaSample | undefined)[];
  /** Whether the routers that should know the pool know it as it is. */
  routerOf: (object: CustomObject) => Observed['router'];
  engines: Engines;
  /** With which its engines are asked; undefined where they cannot be. */
  adminTokenOf: (object: CustomObject) => string | undefined;
  /** The whole last report of each router; undefined where no router takes the pool. */
  reportsOf: (object: CustomObject) => RouterReports | undefined;
};

/** What is remembered of a pool from look to look; everything that matters for longer is in its status. */
type Memory = {
  scaler: PoolScaler | undefined;
  rollout: PoolRollout;
  settled: Settled;
  /** The version that was last written to: as long as the cache has it still, it is behind. */
  overwritten: string | undefined;
  metrics: PoolMetrics;
  restarts: RestartCounter;
  /** As it was found last. */
  size: PoolSize | undefined;
};

/** A cache that is behind brings the next version by itself; should it not, the pool is looked at again. */
const behindMs = 1_000;

/** Brings one QwenDeployment's objects to what its spec means, its replicas to what its scaler wants, and says so. */
export class PoolController {
  readonly #parts: PoolControllerParts;
  readonly #memories = new Map<string, Memory>();
  readonly #pace = new StatusPace();

  constructor(parts: PoolControllerParts) {
    this.#parts = parts;
  }

  /** Sets the gauges of every pool. */
  measure(): void {
    for (const { metrics, size } of this.#memories.values()) if (size) metrics.measure(size);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { caches, images, environment } = this.#parts;
    const object = caches.pools.cache.get(key);
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      // Its objects go with it: the garbage collector follows their owner.
      this.#memories.get(key)?.metrics.end();
      this.#memories.delete(key);
      return {};
    }
    const memory = this.#memoryOf(key);
    if (memory.overwritten !== undefined && memory.overwritten === object.metadata.resourceVersion) {
      return { requeueAfterMs: behindMs };
    }
    const nowEpochMs = environment.clock.epochMs();
    const token = this.#parts.adminTokenOf(object);
    const seen = observePool(object, caches, { images, adminToken: token, nowEpochMs });
    const verdict = this.#scale(memory, seen);
    const desired = verdict?.desired ?? givenReplicas(seen);
    memory.size = { wanted: desired, replicas: seen.replicas, price: seen.plan.resolved.price };
    for (const { reason, count } of memory.restarts.look(seen.pods)) memory.metrics.restarted(reason, count);
    const hot = await this.#ask(memory.rollout.hotView(seen, nowEpochMs), { token, signal });
    const rollout = memory.rollout.look(seen, { desired, reports: this.#parts.reportsOf(object), hot, nowEpochMs });
    // Stored first, then done: whoever goes on after a crash knows what was begun.
    const { latest, heldMs } = await this.#writeStatus(seen, { desired, verdict, rollout, memory }, signal);
    if (!seen.deployment.spec.paused) {
      await this.#act(seen, { desired, rollout, latest, memory }, signal);
      await this.#exchange(hot?.view, rollout?.decision.hot, { token, signal });
    }
    return { requeueAfterMs: soonest([verdict?.lookAgainMs, rollout?.lookAgainMs, heldMs]) };
  }

  async #ask(
    view: HotView | undefined,
    { token, signal }: { token: string | undefined; signal: AbortSignal },
  ): Promise<RolloutLook['hot']> {
    if (!view || token === undefined) return undefined;
    return { view, answers: await this.#parts.engines.ask(view.pods, token, signal) };
  }

  /** Tells engines what to load, and those that cannot to begin anew with it. */
  async #exchange(
    view: HotView | undefined,
    actions: readonly HotAction[] = [],
    { token, signal }: { token: string | undefined; signal: AbortSignal },
  ): Promise<void> {
    if (!view || token === undefined) return;
    const { engines } = this.#parts;
    for (const { replica, revision, do: what } of actions) {
      const pod = view.pods.find(({ metadata }) => metadata.name === replica);
      const model = view.modelOf(revision);
      if (!pod || !model) continue;
      if (what === 'load') await engines.load(pod, model, { token, signal });
      else await engines.restart(pod, { token, signal });
    }
  }

  #memoryOf(key: string): Memory {
    const known = this.#memories.get(key);
    if (known) return known;
    const { namespace = '', name: pool } = splitKey(key);
    const memory: Memory = {
      scaler: undefined,
      rollout: new PoolRollout(),
      settled: {},
      overwritten: undefined,
      metrics: new PoolMetrics(this.#parts.telemetry, { pool_namespace: namespace, pool }),
      restarts: new RestartCounter(),
      size: undefined,
    };
    this.#memories.set(key, memory);
    return memory;
  }

  #scale(memory: Memory, seen: PoolSeen): Verdict | undefined {
    const { plan, replicas, object, written, workloads } = seen;
    if (!plan.scale) {
      // Whoever writes replicas meanwhile, the scaler begins with what there is then.
      memory.scaler = undefined;
      return undefined;
    }
    const scaler = (memory.scaler ??= new PoolScaler());
    const ready = replicas.filter(({ state }) => state === 'ready').length;
    const look = {
      spec: plan.scale,
      live: toldReplicas(workloads),
      rolling: workloads.length > 1,
      written: written.scaling,
      initial: plan.initialReplicas,
      starting: replicas.length - ready,
      sample: {
        ready,
        slots: plan.resolved.maxConcurrency,
        routers: this.#parts.loadsOf(object),
        replicas: this.#replicaSamples(object),
      },
    };
    const verdict = scaler.look(look, this.#now);
    if (verdict.changed) this.#tellScaled(seen, verdict, memory.metrics);
    return verdict;
  }

  #replicaSamples(object: CustomObject): ReplicaSample[] {
    return this.#parts.replicaLoadsOf(object).filter((sample) => sample !== undefined);
  }

  get #now(): Instant {
    const { clock } = this.#parts.environment;
    return { nowMs: clock.nowMs(), epochMs: clock.epochMs() };
  }

  #tellScaled({ object }: PoolSeen, { from, desired, state }: Verdict, metrics: PoolMetrics): void {
    metrics.scaled(from, desired);
    const note = `${from} to ${desired} replicas: ${state.history[0]?.reason ?? state.reason}`;
    this.#parts.events.record({ regarding: object, type: 'Normal', reason: 'Scaled', action: 'Scale', note });
  }

  async #act(
    seen: PoolSeen,
    { desired, rollout, latest, memory }: Omit<Outcome, 'verdict'> & { latest: CustomObject },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, applier, integrations, routerServiceOf } = this.#parts;
    const sizes = rollout ? sizesOf(rollout.decision) : {};
    const begins = rollout?.begins ?? new Map<string, string>();
    const around = { integrations, router: routerServiceOf(seen.object) };
    await handOver(client, seen, { replicas: desired, latest }, signal);
    await writeObjects({ client, applier, settled: memory.settled }, seen, { sizes, begins, around }, signal);
  }

  /** @returns the pool as it is then, and in how many milliseconds it has more to tell. */
  async #writeStatus(
    seen: PoolSeen,
    outcome: Outcome,
    signal: AbortSignal,
  ): Promise<{ latest: CustomObject; heldMs: number | undefined }> {
    const { client, events, environment } = this.#parts;
    const { object } = seen;
    const { rollout, memory } = outcome;
    const before = seen.written;
    const status = this.#statusOf(seen, outcome, before);
    const asWritten = withoutMemoryNews(status, before, rollout?.isNews ?? false);
    const heldMs = this.#pace.waitMs(object, asWritten, environment.clock.nowMs());
    let latest = object;
    if (heldMs === 0) {
      const write = { resource: poolKind, object, status, asWritten, unmoved: true };
      latest = (await writeStatus(client, write, signal)) ?? object;
      const { resourceVersion } = object.metadata;
      if (latest.metadata.resourceVersion !== resourceVersion) memory.overwritten = resourceVersion;
      for (const notice of noticesOf(before.conditions, status.conditions ?? []))
        events.record({ regarding: object, action: 'Reconcile', ...notice });
    }
    for (const { message: note, ...event } of rollout?.decision.events ?? []) {
      events.record({ regarding: object, action: 'Rollout', note, ...event });
    }
    return { latest, heldMs: heldMs === 0 || sameStatus(object.status, asWritten) ? undefined : heldMs };
  }

  #statusOf(
    { object, deployment, plan, revision, replicas, refused, capabilities }: PoolSeen,
    { desired, verdict, rollout }: Outcome,
    before: WrittenStatus,
  ): QwenDeploymentStatus {
    const { routerOf, loadsOf } = this.#parts;
    const router = routerOf(object);
    const observed: Observed = {
      replicas,
      refused,
      desired,
      scaling: verdict?.state,
      closedBy: verdict?.closedBy,
      rollout: rollout?.decision.conditions,
      replicaLoads: engineOf(plan.resolved.engine.type)?.load ? this.#replicaSamples(object).length : undefined,
      hasSignal: loadsOf(object).some((load) => load !== undefined),
      router,
      outsideScaler: outsideScalerOf(deployment, capabilities, router !== 'not-selected'),
    };
    const findings = clusterStatus({ deployment, plan, observed, revision, capabilities });
    return statusOf(findings, before, {
      nowEpochMs: this.#now.epochMs,
      scaling: verdict && toStatus(verdict.state, this.#now),
      updated: updatedOf(replicas, revision, rollout),
      // What is blocked goes on with its rollout when it is not any more.
      rollout: rollout?.status ?? (plan.resolved.blocked ? before.rollout : undefined),
    });
  }
}

function soonest(looks: readonly (number | undefined)[]): number | undefined {
  const some = looks.flatMap((lookMs) => lookMs ?? []);
  return some.length === 0 ? undefined : Math.min(...some);
}

/** Replicas of what the spec wants, whatever their workload is named after. */
function updatedOf(replicas: PoolSeen['replicas'], revision: string | undefined, rollout: Rollout | undefined): number {
  const state = rollout?.decision.state;
  const runs = (workload: string | undefined): string | undefined =>
    state && workload !== undefined ? hostedBy(state, workload) : workload;
  return replicas.filter((replica) => runs(replica.revision) === revision).length;
}

type Outcome = {
  desired: number;
  verdict: Verdict | undefined;
  rollout: Rollout | undefined;
  memory: Memory;
};
