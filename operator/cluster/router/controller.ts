import { isDeepStrictEqual } from 'node:util';
import type { QwenRouterStatus, Secret } from '@qwenfleet/crds/kinds';
import { secretSchema } from '@qwenfleet/crds/kinds';
import { selects } from '@qwenfleet/crds/fleet-file/selector';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import { isNotFound } from '@qwenfleet/kube/client/status-error';
import type { ReconcileResult } from '@qwenfleet/kube/controller/outcome';
import type { Environment } from '@qwenfleet/kube/environment';
import { secrets } from '@qwenfleet/kube/kinds';
import { keyOf, type KubeObject } from '@qwenfleet/kube/object';
import { withTransitions } from '../../reconcile/conditions.ts';
import { planRouter, type RouterPlan } from '../../reconcile/qwenrouter/plan.ts';
import { routerFindings } from '../../reconcile/qwenrouter/plan/conditions.ts';
import { routerSelector, selectorText } from '../../specs/labels.ts';
import { routerObjects } from '../../specs/router.ts';
import type { Applier } from '../applier.ts';
import type { Caches } from '../caches.ts';
import type { CustomObject } from '../kinds.ts';
import { classOf, poolOf, routerOf } from '../parse.ts';
import type { RouterReport } from '../load/merge.ts';
import { observePool, type PoolSeen } from '../pool/observe.ts';
import { writtenStatus } from '../pool/status.ts';

export type RouterControllerParts = {
  client: KubeClient;
  caches: Caches;
  applier: Applier;
  environment: Environment;
  images: Readonly<Record<string, string>>;
  /** What the router's pods say last. */
  reportsOf: (routerKey: string) => readonly RouterReport[];
};

/** Keys are read again this often: a rotated Secret is not watched, so that the operator needs no right to list them. */
const lookAgainMs = 60_000;
const statusManager = 'qwen-operator-status';

/** Brings one QwenRouter's objects to what it means; its pods follow their configuration by themselves. */
export class RouterController {
  readonly #parts: RouterControllerParts;
  constructor(parts: RouterControllerParts) {
    this.#parts = parts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { caches, applier, images } = this.#parts;
    const object = caches.routers.cache.get(key);
    if (!object || object.metadata.deletionTimestamp !== undefined) {
      return {};
    }
    const router = routerOf(object);
    const pools = this.#poolsOf(object);
    const plan = await this.#plan(object, pools, signal);
    if (!router.spec.paused && plan) {
      const live = caches.childrenOf(object.metadata.uid ?? '');
      const image = images['router'] ?? '';
      const objects = routerObjects({ owner: object, router, config: plan.config, image });
      await applier.reconcile(objects, live, signal);
    }
    await this.#writeStatus(object, plan, pools, signal);
    return { requeueAfterMs: lookAgainMs };
  }

  #poolsOf({ metadata }: CustomObject): PoolSeen[] {
    const { caches, images } = this.#parts;
    return caches.pools.cache.list(metadata.namespace).flatMap((object) => {
      if (object.metadata.deletionTimestamp !== undefined) return [];
      try {
        return [observePool(object, caches, images)];
      } catch {
        // A pool that cannot be read says so in its own reconcile; the others are served.
        return [];
      }
    });
  }

  /** Undefined while no pool is selected: a router without pools has nothing to say. */
  async #plan(object: CustomObject, pools: readonly PoolSeen[], signal: AbortSignal): Promise<RouterPlan | undefined> {
    const { caches } = this.#parts;
    const router = routerOf(object);
    const planned = pools.map(({ deployment, plan }) => ({ deployment, resolved: plan.resolved }));
    const taken = planned.filter(({ deployment }) => selects(router.spec.pools.selector, deployment));
    if (taken.length === 0) return undefined;
    const named = [
      ...(router.spec.keys ?? []).map(({ secretRef }) => secretRef.name),
      ...taken.flatMap(({ deployment }) => deployment.spec.engine.secretRef?.name ?? []),
    ];
    const found = await Promise.all([...new Set(named)].map((name) => this.#secret(object, name, signal)));
    const hardwareClasses = caches.classes.cache.list().map((each) => classOf(each));
    const listen = { host: '0.0.0.0' };
    return planRouter({
      router,
      pools: planned,
      hardwareClasses,
      secrets: found.flatMap((each) => each ?? []),
      listen,
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
    plan: RouterPlan | undefined,
    pools: readonly PoolSeen[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, caches, environment, reportsOf } = this.#parts;
    const { name, namespace, generation } = object.metadata;
    const key = keyOf(object);
    const pods = caches.routerPodsOf(namespace, name);
    const ready = pods.filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    ).length;
    const router = routerOf(object);
    const names = [...(plan?.selected ?? [])];
    const knows = (report: RouterReport): boolean => report !== undefined && names.every((pool) => pool in report);
    const programmed = reportsOf(key).filter(knows).length;
    const findings = routerFindings({
      wanted: router.spec.replicas,
      ready,
      programmed,
      pools: plan?.selected.size ?? 0,
    });
    const nowIso = new Date(environment.clock.epochMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    const conditions = withTransitions(writtenStatus(object.status).conditions ?? [], findings, nowIso);
    const status: QwenRouterStatus = {
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      replicas: pods.length,
      readyReplicas: ready,
      selector: selectorText(routerSelector(name)),
      url: `http://${name}.${namespace}.svc:${router.spec.listen.port}`,
      pools: pools.filter(({ object: pool }) => plan?.selected.has(pool.metadata.name)).map(poolLine(plan)),
      notActedOn: plan?.notActedOn ?? [],
      conditions: conditions.map((condition) =>
        generation === undefined ? condition : { ...condition, observedGeneration: generation },
      ),
    };
    if (isDeepStrictEqual(plain(object.status), plain(status))) return;
    const { apiVersion, kind } = object;
    const wanted: KubeObject & { status: QwenRouterStatus } = {
      apiVersion,
      kind,
      metadata: { name, namespace },
      status,
    };
    await client.applyStatus(wanted, { fieldManager: statusManager, force: true, signal });
  }
}

const poolLine =
  (plan: RouterPlan | undefined) =>
  ({ object, plan: { resolved }, replicas }: PoolSeen): NonNullable<QwenRouterStatus['pools']>[number] => {
    const cost = plan?.config.pools.find(({ name }) => name === resolved.name)?.costPerToken;
    const ready = replicas.some(({ state }) => state === 'ready') || resolved.engine.type === 'external';
    const wanted = writtenStatus(object.status).scaling?.desired ?? 1;
    const waiting =
      wanted === 0 ? 'ScaledToZero' : replicas.some(({ failure }) => failure) ? 'Unavailable' : 'Starting';
    return {
      name: resolved.name,
      tier: resolved.tier,
      health: ready ? 'Ready' : waiting,
      ...(cost === undefined ? {} : { costPerToken: String(Number(cost.toPrecision(3))) }),
    };
  };

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? {}));

/** Whether a router takes a pool, by their objects. */
export function takes(router: CustomObject, pool: CustomObject): boolean {
  if (router.metadata.namespace !== pool.metadata.namespace) return false;
  return selects(routerOf(router).spec.pools.selector, poolOf(pool));
}
