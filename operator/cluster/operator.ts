import type { PoolLoad } from '@qwenfleet/core/load/pool-report';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import { Controller } from '@qwenfleet/kube/controller/controller';
import { changesOf, ofSpec, ownerKeys, type KeysOf, type Source } from '@qwenfleet/kube/controller/source';
import type { Discovery } from '@qwenfleet/kube/discovery/discovery';
import type { Environment } from '@qwenfleet/kube/environment';
import { EventRecorder } from '@qwenfleet/kube/events/recorder';
import { nodes, type Node } from '@qwenfleet/kube/kinds';
import { keyOf, splitKey, type KubeObject } from '@qwenfleet/kube/object';
import { listWatch } from '@qwenfleet/kube/reflector/list-watch';
import { Reflector } from '@qwenfleet/kube/reflector/reflector';
import { Agent } from 'undici';
import type { OperatorConfig } from '../config.ts';
import type { Observed } from '../reconcile/qwendeployment/plan/observed.ts';
import { chooseEngine } from '../reconcile/qwendeployment/plan/resolve.ts';
import type { EngineReport } from '../specs/engine/load.ts';
import { engineOf } from '../specs/engine/registry.ts';
import { deploymentLabel, routerLabel } from '../specs/labels.ts';
import type { RouterService } from '../specs/pool/scaled-object.ts';
import { listenPort } from '../specs/router/router.ts';
import { adminTokenOf } from './admin-key.ts';
import { Applier } from './applier.ts';
import { Caches } from './caches.ts';
import { HardwareController } from './hardware/controller.ts';
import { keptNode } from './keep.ts';
import { poolKind, routerKind, type CustomObject } from './kinds.ts';
import { LoadPoller, type Address } from './load/poller.ts';
import { asksReplicas, replicaAddresses, urlOf } from './load/replicas.ts';
import { loadsOf, routerAddress, routerPoller, type RouterReport } from './load/routers.ts';
import { hardwareClassNamed, isReadable, poolOf, routerOf } from './parse.ts';
import type { RouterReports } from './pool/arm-counter.ts';
import { PoolController } from './pool/controller.ts';
import { Engines } from './pool/engines.ts';
import { RouterController, takes } from './router/controller.ts';

const fieldManager = 'qwen-operator';
const routerConnectMs = 1_000;

export type ClusterOperatorParts = {
  /** Its writes are sent only while this process leads. */
  client: KubeClient;
  namespace: string | undefined;
  discovery: Discovery;
  config: Pick<OperatorConfig, 'images' | 'integrations' | 'workers' | 'identity'>;
  environment: Environment;
  telemetry: Telemetry;
};

/** The operator of one namespace, or of all: caches, the poller of load, and a controller for each kind. */
export class ClusterOperator {
  readonly #caches: Caches;
  readonly #nodes: Reflector<Node>;
  readonly #routerLoads: ReturnType<typeof routerPoller>;
  readonly #replicaLoads: LoadPoller<EngineReport>;
  readonly #events: EventRecorder;
  readonly #poolController: PoolController;
  readonly #pools: Controller;
  readonly #routers: Controller;
  readonly #hardware: Controller;
  readonly #stopping = new AbortController();
  readonly #agent = new Agent({ connect: { timeout: routerConnectMs }, connections: 4 });
  #polling: Promise<unknown> | undefined;
  #adminKey: string | undefined;

  constructor({ client, namespace, discovery, config, environment, telemetry }: ClusterOperatorParts) {
    const { images, integrations, workers, identity } = config;
    this.#caches = new Caches({ client, namespace, discovery, environment });
    this.#nodes = new Reflector({ name: 'nodes', source: listWatch(client, nodes), keep: keptNode }, environment);
    this.#events = new EventRecorder({ client, controller: 'qwenfleet.io/operator', instance: identity }, environment);
    const asking = { agent: this.#agent, clock: environment.clock, log: environment.log };
    this.#routerLoads = routerPoller(
      { ...asking, addresses: () => this.#routerAddresses() },
      { onLoad: (key, names) => this.#loadChanged(key, names), onPools: (key) => this.#poolsChanged(key) },
    );
    this.#replicaLoads = new LoadPoller({ ...asking, addresses: () => this.#replicaAddresses() });
    const caches = this.#caches;
    const applier = new Applier(client, fieldManager);
    const routers = new RouterController({
      client,
      caches,
      applier,
      events: this.#events,
      environment,
      images,
      integrations,
      reportsOf: (key) => this.#routerLoads.reports(key),
    });
    const pools = new PoolController({
      client,
      caches,
      applier,
      events: this.#events,
      environment,
      telemetry,
      images,
      integrations,
      routerServiceOf: (object) => this.#routerServiceOf(object),
      loadsOf: (object) => this.#loadsOf(object),
      replicaLoadsOf: (object) => this.#replicaLoads.reports(keyOf(object)),
      routerOf: (object) => this.#routerOf(object),
      reportsOf: (object) => this.#reportsOf(object),
      engines: new Engines(asking),
      adminTokenOf: ({ metadata: { uid } }) =>
        this.#adminKey === undefined || uid === undefined ? undefined : adminTokenOf(this.#adminKey, uid),
    });
    this.#poolController = pools;
    const hardware = new HardwareController({
      client,
      classes: caches.classes.cache,
      nodes: this.#nodes.cache,
      pods: caches.pods.cache,
    });
    const controller = (name: string, sources: readonly Source[], of: Reconciler): Controller =>
      new Controller(
        { name, sources, workers, reconcile: (key, { signal }) => of.reconcile(key, signal) },
        environment,
      );
    this.#pools = controller('qwendeployments', this.#poolSources(), pools);
    this.#routers = controller('qwenrouters', this.#routerSources(), routers);
    this.#hardware = controller(
      'hardwareclasses',
      [
        changesOf(
          caches.classes,
          ofSpec(({ key }) => [key]),
        ),
        changesOf(this.#nodes, () => this.#allClasses()),
      ],
      hardware,
    );
    this.#followNeighbours();
  }

  /** What was made for a neighbour wakes its owner; a neighbour that came or went wakes everything. */
  #followNeighbours(): void {
    const keysOfPools = ownerKeys(poolKind);
    const keysOfRouters = ownerKeys(routerKind);
    this.#caches.neighbours.subscribe({
      onChange: () => {
        for (const pool of this.#caches.pools.cache.list()) this.#pools.queue.add(keyOf(pool));
        for (const router of this.#caches.routers.cache.list()) this.#routers.queue.add(keyOf(router));
      },
      onChild: (change) => {
        for (const key of keysOfPools(change)) this.#pools.queue.add(key);
        for (const key of keysOfRouters(change)) this.#routers.queue.add(key);
      },
    });
  }

  /** Starts to follow the API server; caches may be warm before this process leads. */
  start(): void {
    this.#caches.start();
    this.#nodes.start();
  }

  /**
   * Starts to act, once everything is known as the leader before us left it: where one watch is behind the others, we
   * would undo what was done last. Rejects when it is stopped before.
   * @param adminKey see `readAdminKey`; undefined where there is none, and engines are left alone.
   */
  async lead({ adminKey }: { adminKey: string | undefined }): Promise<void> {
    this.#adminKey = adminKey;
    await Promise.all([this.#caches.refresh(), this.#nodes.refresh()]);
    if (this.#stopping.signal.aborted) return;
    for (const controller of this.#controllers) controller.start();
    const { signal } = this.#stopping;
    this.#polling = Promise.all([this.#routerLoads.run(signal), this.#replicaLoads.run(signal)]);
  }

  get synced(): Promise<void> {
    return this.#caches.synced();
  }

  /** The longest time that any cache has heard nothing from the API server. */
  get silentMs(): number {
    return Math.max(...this.#caches.all.map(({ silentMs }) => silentMs));
  }

  /** Sets the gauges that are read when somebody looks. */
  measure(): void {
    this.#poolController.measure();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#polling;
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
    await this.#events.stop();
    await Promise.all([this.#caches.stop(), this.#nodes.stop(), this.#agent.close()]);
  }

  get #controllers(): readonly Controller[] {
    return [this.#pools, this.#routers, this.#hardware];
  }

  #poolSources(): Source[] {
    const { pools, workloads, pods, classes, routers, parts } = this.#caches;
    const owned = ownerKeys(poolKind);
    return [
      changesOf(pools),
      changesOf(workloads, owned),
      changesOf(pods, labelKeys(deploymentLabel)),
      changesOf(
        classes,
        ofSpec(({ object }) => this.#poolsOnClass(object.metadata.name)),
      ),
      changesOf(
        routers,
        ofSpec(({ object }) => this.#poolKeysIn(object.metadata.namespace)),
      ),
      ...parts.map((reflector) => changesOf(reflector, owned)),
    ];
  }

  #routerSources(): Source[] {
    const { routers, pools, workloads, pods, parts } = this.#caches;
    const owned = ownerKeys(routerKind);
    return [
      changesOf(routers),
      changesOf(pools, ({ object }) => routers.cache.list(object.metadata.namespace).map(keyOf)),
      changesOf(workloads, owned),
      changesOf(pods, labelKeys(routerLabel)),
      ...parts.map((reflector) => changesOf(reflector, owned)),
    ];
  }

  #allClasses(): string[] {
    return this.#caches.classes.cache.list().map(keyOf);
  }

  #poolKeysIn(namespace: string | undefined): string[] {
    return this.#caches.pools.cache.list(namespace).map(keyOf);
  }

  #poolsOnClass(name: string): string[] {
    const named = ({ spec }: CustomObject): boolean =>
      (spec as { hardware?: { class?: string } } | undefined)?.hardware?.class === name;
    return this.#caches.pools.cache.list().filter(named).map(keyOf);
  }

  /** Routers that take the pool. */
  #routersOf(pool: CustomObject): CustomObject[] {
    return this.#caches.routers.cache.list(pool.metadata.namespace).filter((router) => takes(router, pool));
  }

  #loadsOf(pool: CustomObject): (PoolLoad | undefined)[] {
    const reports = this.#routersOf(pool).flatMap((router) => this.#routerLoads.reports(keyOf(router)));
    return loadsOf(pool.metadata.name, reports);
  }

  #routerServiceOf(pool: CustomObject): RouterService | undefined {
    const [router] = this.#routersOf(pool);
    return router && { name: router.metadata.name, port: routerOf(router).spec.listen.port };
  }

  /** Undefined where no router takes the pool. */
  #reportsOf(pool: CustomObject): RouterReports | undefined {
    const routers = this.#routersOf(pool);
    if (routers.length === 0) return undefined;
    const heard = routers.flatMap((router) => this.#routerLoads.heard(keyOf(router)));
    return new Map(
      heard.flatMap(({ id, report }) => {
        const own = report?.[pool.metadata.name];
        return own ? [[id, own] as const] : [];
      }),
    );
  }

  #routerOf(pool: CustomObject): Observed['router'] {
    const routers = this.#routersOf(pool);
    if (routers.length === 0) return 'not-selected';
    const reports = routers.flatMap((router) => this.#routerLoads.reports(keyOf(router)));
    const heard = reports.filter((report) => report !== undefined);
    if (heard.length === 0) return 'unavailable';
    return heard.length === reports.length && heard.every((report) => pool.metadata.name in report) ? 'ready' : 'stale';
  }

  /** Only the pools whose load moved: the others, and their routers, have nothing new to say. */
  #loadChanged(routerKey: string, pools: readonly string[]): void {
    const { namespace } = splitKey(routerKey);
    for (const name of pools) this.#pools.queue.add(keyOf({ metadata: { namespace, name } }));
  }

  #poolsChanged(routerKey: string): void {
    for (const key of this.#poolKeysIn(splitKey(routerKey).namespace)) this.#pools.queue.add(key);
    this.#routers.queue.add(routerKey);
  }

  #replicaAddresses(): Map<string, Address<EngineReport>[]> {
    const { pools, classes } = this.#caches;
    const asked = pools.cache.list().filter((pool) => isReadable(pool) && asksReplicas(poolOf(pool)));
    return new Map(
      asked.map((pool) => {
        const { spec } = poolOf(pool);
        const { namespace, name } = pool.metadata;
        const load = engineOf(chooseEngine(spec, hardwareClassNamed(classes.cache, spec.hardware?.class)).type)?.load;
        return [keyOf(pool), load ? replicaAddresses(this.#caches.podsOf(namespace, name), load) : []];
      }),
    );
  }

  #routerAddresses(): Map<string, Address<NonNullable<RouterReport>>[]> {
    return new Map(
      this.#caches.routers.cache.list().map((router) => {
        const { namespace, name } = router.metadata;
        const addresses = this.#caches.routerPodsOf(namespace, name).flatMap(({ metadata, status }) => {
          const answers = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
          if (!answers || status?.podIP === undefined || metadata.deletionTimestamp !== undefined) return [];
          return [routerAddress(metadata.uid ?? metadata.name, urlOf(status.podIP, listenPort))];
        });
        return [keyOf(router), addresses];
      }),
    );
  }
}

type Reconciler = { reconcile(key: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number | undefined }> };

/** A pod wakes the custom resource that its label names; its owner is a ReplicaSet. */
const labelKeys =
  (label: string): KeysOf<KubeObject> =>
  ({ object }) => {
    const name = object.metadata.labels?.[label];
    return name === undefined ? [] : [`${object.metadata.namespace}/${name}`];
  };
