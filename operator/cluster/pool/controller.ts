import type { Instant } from '@qwenfleet/core/clock';
import type { PoolLoad } from '@qwenfleet/core/load/pool-report';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import type { ReconcileResult } from '@qwenfleet/kube/controller/outcome';
import type { Environment } from '@qwenfleet/kube/environment';
import type { EventRecorder } from '@qwenfleet/kube/events/recorder';
import type { Observed } from '../../reconcile/qwendeployment/plan/observed.ts';
import { clusterObjects } from '../../reconcile/qwendeployment/plan/cluster.ts';
import { clusterStatus, outsideScalerOf } from '../../reconcile/qwendeployment/plan/cluster-status.ts';
import type { ReplicaSample } from '../../scale/metrics.ts';
import { toStatus } from '../../scale/status.ts';
import type { Integrations } from '../../specs/capabilities.ts';
import type { RouterService } from '../../specs/pool/scaled-object.ts';
import type { Images } from '../../specs/images.ts';
import { revisionLabel } from '../../specs/labels.ts';
import type { Applier } from '../applier.ts';
import type { Caches } from '../caches.ts';
import { isWorkload, poolKind, type CustomObject } from '../kinds.ts';
import { writeStatus } from '../status-writer.ts';
import { observePool, type PoolSeen } from './observe.ts';
import { PoolScaler, type Verdict } from './scaler.ts';
import { readyChange, statusOf, withoutMemoryNews, writtenStatus } from './status.ts';
import { givenReplicas, handOver, keptWorkloads, sizesOf, toldReplicas, writeSizes } from './workloads.ts';

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
};

/** Brings one QwenDeployment's objects to what its spec means, its replicas to what its scaler wants, and says so. */
export class PoolController {
  readonly #parts: PoolControllerParts;
  readonly #scalers = new Map<string, PoolScaler>();

  constructor(parts: PoolControllerParts) {
    this.#parts = parts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { caches, images, environment } = this.#parts;
    const object = caches.pools.cache.get(key);
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      // Its objects go with it: the garbage collector follows their owner.
      this.#scalers.delete(key);
      return {};
    }
    const seen = observePool(object, caches, { images, nowEpochMs: environment.clock.epochMs() });
    const verdict = this.#scale(key, seen);
    const desired = verdict?.desired ?? givenReplicas(seen);
    if (!seen.deployment.spec.paused) await this.#act(seen, desired, signal);
    await this.#writeStatus(seen, desired, verdict, signal);
    return { requeueAfterMs: verdict?.lookAgainMs };
  }

  #scale(key: string, seen: PoolSeen): Verdict | undefined {
    const { plan, replicas, object } = seen;
    if (!plan.scale) {
      // Whoever writes replicas meanwhile, the scaler begins with what there is then.
      this.#scalers.delete(key);
      return undefined;
    }
    const scaler = this.#scalers.get(key) ?? new PoolScaler();
    this.#scalers.set(key, scaler);
    const ready = replicas.filter(({ state }) => state === 'ready').length;
    const look = {
      spec: plan.scale,
      live: toldReplicas(seen),
      rolling: seen.older.length > 0,
      written: writtenStatus(object.status).scaling,
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
    if (verdict.changed) this.#tellScaled(seen, verdict);
    return verdict;
  }

  #replicaSamples(object: CustomObject): ReplicaSample[] {
    return this.#parts.replicaLoadsOf(object).filter((sample) => sample !== undefined);
  }

  get #now(): Instant {
    const { clock } = this.#parts.environment;
    return { nowMs: clock.nowMs(), epochMs: clock.epochMs() };
  }

  #tellScaled({ object, plan }: PoolSeen, { from, desired, state }: Verdict): void {
    const { telemetry, events } = this.#parts;
    const direction = desired > from ? 'up' : 'down';
    telemetry.count('operatorScaleDecisions', { pool: plan.resolved.name, direction });
    const note = `${from} to ${desired} replicas: ${state.history[0]?.reason ?? state.reason}`;
    events.record({ regarding: object, type: 'Normal', reason: 'Scaled', action: 'Scale', note });
  }

  async #act(seen: PoolSeen, desired: number, signal: AbortSignal): Promise<void> {
    const { client, applier } = this.#parts;
    const { deployment, plan, pool, records, live, overdue } = seen;
    const sizes = sizesOf(seen, desired);
    const older = keptWorkloads(seen, sizes).flatMap(({ metadata }) => metadata.labels?.[revisionLabel] ?? []);
    const { objects, prune } = clusterObjects(plan, {
      deployment,
      pool,
      records,
      overdue,
      integrations: this.#parts.integrations,
      router: this.#parts.routerServiceOf(seen.object),
      // Replicas are the scaler's own field, see `writeSizes`.
      live: (newest) => [newest, ...older].map((revision) => ({ revision })),
    });
    if (!prune) return;
    const parts = objects.filter((object) => !isWorkload(object));
    const workloads = objects.filter(isWorkload);
    // Parts first: pods name their ServiceAccount and their configuration.
    await applier.reconcile(
      parts,
      live.filter((object) => !isWorkload(object)),
      signal,
    );
    await handOver(client, seen, desired, signal);
    await writeSizes(client, seen, { sizes, desired: workloads }, signal);
    await applier.reconcile(workloads, live.filter(isWorkload), signal);
  }

  async #writeStatus(
    seen: PoolSeen,
    desired: number,
    verdict: Verdict | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, routerOf, loadsOf, events } = this.#parts;
    const { object, deployment, plan, revision, replicas, refused, capabilities } = seen;
    const router = routerOf(object);
    const observed: Observed = {
      replicas,
      refused,
      desired,
      scaling: verdict?.state,
      replicaLoads: plan.resolved.engine.type === 'qwen' ? this.#replicaSamples(object).length : undefined,
      hasSignal: loadsOf(object).some((load) => load !== undefined),
      router,
      outsideScaler: outsideScalerOf(deployment, capabilities, router !== 'not-selected'),
    };
    const before = writtenStatus(object.status);
    const findings = clusterStatus({ deployment, plan, observed, revision, capabilities });
    const status = statusOf(findings, before, {
      nowEpochMs: this.#now.epochMs,
      scaling: verdict && toStatus(verdict.state, this.#now),
      updated: replicas.filter((replica) => replica.revision === revision).length,
      currentRevision: currentRevisionOf(seen),
    });
    const change = readyChange(before, status);
    if (change) events.record({ regarding: object, action: 'Reconcile', ...change });
    await writeStatus(
      client,
      { resource: poolKind, object, status, asWritten: withoutMemoryNews(status, before) },
      signal,
    );
  }
}

/** The revision that answers: the new one as soon as a replica of it does, or when nothing else is left. */
function currentRevisionOf({ revision: next, replicas, older }: PoolSeen): string | undefined {
  if (older.length === 0 || replicas.some(({ revision, state }) => revision === next && state === 'ready')) return next;
  return replicas.find(({ state }) => state === 'ready')?.revision ?? older[0]?.metadata.labels?.[revisionLabel];
}
