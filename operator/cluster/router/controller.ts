import type { QwenRouterStatus, Secret } from '@qwenfleet/crds/kinds';
import { secretSchema } from '@qwenfleet/crds/kinds';
import { selects } from '@qwenfleet/crds/fleet-file/selector';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import { isNotFound } from '@qwenfleet/kube/client/status-error';
import type { ReconcileResult } from '@qwenfleet/kube/controller/outcome';
import type { EventRecorder } from '@qwenfleet/kube/events/recorder';
import type { Environment } from '@qwenfleet/kube/environment';
import { secrets } from '@qwenfleet/kube/kinds';
import { keyOf } from '@qwenfleet/kube/object';
import { conditionOf } from '../../reconcile/qwendeployment/plan/pods/live.ts';
import { containerFailure } from '../../reconcile/qwendeployment/plan/pods/container.ts';
import { clusterRouter, type ClusterRouter } from '../../reconcile/qwenrouter/plan/cluster.ts';
import { routerStatus } from '../../reconcile/qwenrouter/plan/status.ts';
import type { Integrations } from '../../specs/capabilities.ts';
import type { Images } from '../../specs/images.ts';
import type { Applier } from '../applier.ts';
import { childKey } from '../children.ts';
import type { Caches } from '../caches.ts';
import { routerKind, type CustomObject } from '../kinds.ts';
import { classOf, poolOf, routerOf } from '../parse.ts';
import type { RouterReport } from '../load/routers.ts';
import { observePool, type PoolSeen } from '../pool/observe.ts';
import { writtenStatus } from '../pool/status.ts';
import { noticesOf } from '../notices.ts';
import { conditionsOf, writeStatus } from '../status-writer.ts';

export type RouterControllerParts = {
  client: KubeClient;
  caches: Caches;
  applier: Applier;
  events: EventRecorder;
  environment: Environment;
  images: Images & { router: string };
  integrations: Integrations;
  /** What the router's pods say last. */
  reportsOf: (routerKey: string) => readonly RouterReport[];
};

/** Keys are read again this often: a rotated Secret is not watched, so that the operator needs no right to list them. */
const lookAgainMs = 60_000;

/** Brings one QwenRouter's objects to what it means; its pods follow their configuration by themselves. */
export class RouterController {
  readonly #parts: RouterControllerParts;
  constructor(parts: RouterControllerParts) {
    this.#parts = parts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { caches, applier } = this.#parts;
    const object = caches.routers.cache.get(key);
    if (!object || object.metadata.deletionTimestamp !== undefined) return {};
    const pools = this.#poolsOf(object);
    const found = await this.#find(object, pools, signal);
    const live = caches.childrenOf(object.metadata.uid ?? '');
    // While there is nothing new to tell, routers keep what they have.
    const kept = found.prune ? [] : live;
    const wanted = new Set(found.objects.map(childKey));
    await applier.reconcile([...found.objects, ...kept.filter((child) => !wanted.has(childKey(child)))], live, signal);
    await this.#writeStatus(object, found, pools, signal);
    return { requeueAfterMs: lookAgainMs };
  }

  #poolsOf(router: CustomObject): PoolSeen[] {
    const { caches, images, environment } = this.#parts;
    return caches.pools.cache.list(router.metadata.namespace).flatMap((object) => {
      if (object.metadata.deletionTimestamp !== undefined) return [];
      try {
        // One that has the router's name is in its way, selected or not.
        if (object.metadata.name !== router.metadata.name && !takes(router, object)) return [];
        return [observePool(object, caches, { images, nowEpochMs: environment.clock.epochMs() })];
      } catch {
        // A pool that cannot be read says so in its own reconcile; the others are served.
        return [];
      }
    });
  }

  async #find(object: CustomObject, pools: readonly PoolSeen[], signal: AbortSignal): Promise<ClusterRouter> {
    const { caches, images } = this.#parts;
    const router = routerOf(object);
    const planned = pools.map(({ deployment, plan, written }) => ({
      deployment,
      resolved: plan.resolved,
      rollout: written.rollout,
    }));
    const named = [
      ...(router.spec.keys ?? []).map(({ secretRef }) => secretRef.name),
      ...planned.flatMap(({ deployment }) => deployment.spec.engine.secretRef?.name ?? []),
    ];
    const found = await Promise.all([...new Set(named)].map((name) => this.#secret(object, name, signal)));
    return clusterRouter({
      router,
      pools: planned,
      hardwareClasses: caches.classes.cache.list().map((each) => classOf(each)),
      secrets: found.flatMap((each) => each ?? []),
      image: images.router,
      capabilities: caches.neighbours.capabilities,
      integrations: this.#parts.integrations,
    });
  }

  async #secret({ metadata }: CustomObject, name: string, signal: AbortSignal): Promise<Secret | undefined> {
    try {
      const { apiVersion, kind, data } = await this.#parts.client.get(
        secrets,
        { namespace: metadata.namespace, name },
        { signal },
      );
      return secretSchema.parse({ apiVersion, kind, metadata: { name }, data });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #writeStatus(
    object: CustomObject,
    found: ClusterRouter,
    pools: readonly PoolSeen[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, caches, environment, events, reportsOf } = this.#parts;
    const { name, namespace, generation } = object.metadata;
    const pods = caches.routerPodsOf(namespace, name);
    const names = [...(found.plan?.selected ?? [])];
    const knows = (report: RouterReport): boolean => report !== undefined && names.every((pool) => pool in report);
    const readyReplicas = pods.filter((pod) => conditionOf(pod, 'Ready')?.status === 'True').length;
    const findings = routerStatus({
      router: routerOf(object),
      found,
      observed: {
        replicas: pods.length,
        readyReplicas,
        programmed: reportsOf(keyOf(object)).filter(knows).length,
        failure: pods.flatMap((pod) => containerFailure(pod) ?? [])[0],
        health: new Map(pools.map((pool) => [pool.object.metadata.name, healthOf(pool)])),
      },
    });
    const before = writtenStatus(object.status).conditions;
    const conditions = conditionsOf(findings.conditions, before, {
      generation,
      nowEpochMs: environment.clock.epochMs(),
    });
    const status: QwenRouterStatus = { ...findings, conditions };
    // A cache that is behind would have the same things told again.
    await writeStatus(client, { resource: routerKind, object, status, unmoved: true }, signal);
    for (const notice of noticesOf(before, conditions))
      events.record({ regarding: object, action: 'Reconcile', ...notice });
  }
}

function healthOf({ written, plan, replicas }: PoolSeen): NonNullable<QwenRouterStatus['pools']>[number]['health'] {
  if (replicas.some(({ state }) => state === 'ready') || plan.resolved.engine.type === 'external') return 'Ready';
  if (plan.resolved.blocked) return 'Unavailable';
  if (written.scaling?.desired === 0) return 'ScaledToZero';
  return replicas.some(({ failure }) => failure) ? 'Unavailable' : 'Starting';
}

/** Whether a router takes a pool, by their objects. */
export function takes(router: CustomObject, pool: CustomObject): boolean {
  if (router.metadata.namespace !== pool.metadata.namespace) return false;
  return selects(routerOf(router).spec.pools.selector, poolOf(pool));
}
