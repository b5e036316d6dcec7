import { pods, type Deployment, type Pod } from '@qwenfleet/kube/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import { byLabel, byOwnerUid } from '@qwenfleet/kube/reflector/indexers';
import { listWatch } from '@qwenfleet/kube/reflector/list-watch';
import { Reflector, type ReflectorOptions } from '@qwenfleet/kube/reflector/reflector';
import type { Resource } from '@qwenfleet/kube/resource';
import { managedLabels, deploymentLabel, routerLabel, selectorText } from '../specs/labels.ts';
import { Neighbours, type NeighbourParts } from './neighbours/neighbours.ts';
import { keptPod } from './keep.ts';
import {
  hardwareKind,
  partKinds,
  poolKind,
  routerKind,
  workloadKind,
  isWorkload,
  type CustomObject,
  type WorkloadObject,
} from './kinds.ts';
import { byName, nameIndex } from './namesakes.ts';

type Options<T extends KubeObject> = Pick<ReflectorOptions<T>, 'indexers' | 'keep'>;

const managed = selectorText(managedLabels);

/** What the operator knows of one namespace, or of all: everything is read from here, nothing is asked for twice. */
export class Caches {
  readonly pools: Reflector<CustomObject>;
  readonly routers: Reflector<CustomObject>;
  readonly classes: Reflector<CustomObject>;
  readonly workloads: Reflector<Deployment>;
  readonly pods: Reflector<Pod>;
  readonly parts: readonly Reflector<KubeObject>[];
  readonly neighbours: Neighbours;

  constructor({ client, namespace, discovery, environment }: NeighbourParts) {
    const of = <T extends KubeObject>(kind: Resource<T>, labelSelector?: string, options: Options<T> = {}) =>
      new Reflector<T>(
        {
          name: kind.plural,
          source: listWatch(client, kind, { namespace: kind.namespaced ? namespace : undefined, labelSelector }),
          indexers: { owner: byOwnerUid, pool: byLabel(deploymentLabel), router: byLabel(routerLabel) },
          ...options,
        },
        environment,
      );
    this.pools = of(poolKind, undefined, { indexers: { [nameIndex]: byName } });
    this.routers = of(routerKind);
    this.classes = of(hardwareKind);
    this.workloads = of(workloadKind, managed);
    this.pods = of(pods, managed, { keep: keptPod });
    this.parts = partKinds.map((kind) => of(kind, managed));
    this.neighbours = new Neighbours({ client, namespace, discovery, environment });
  }

  get all(): readonly Reflector<KubeObject>[] {
    // A reflector only hands out objects, so that one of a narrower kind is one of any kind.
    const typed = [this.pools, this.routers, this.classes, this.workloads, this.pods] as unknown[];
    return [...(typed as Reflector<KubeObject>[]), ...this.parts];
  }

  /** Every object that the owner controls. */
  childrenOf(uid: string): KubeObject[] {
    const own = [this.workloads.cache, ...this.parts.map(({ cache }) => cache)];
    return [...own.flatMap((cache) => [...cache.by('owner', uid)]), ...this.neighbours.childrenOf(uid)];
  }

  /** What runs the revisions of the owner. */
  workloadsOf(uid: string): WorkloadObject[] {
    return [...this.workloads.cache.by('owner', uid), ...this.neighbours.childrenOf(uid).filter(isWorkload)];
  }

  podsOf(namespace: string | undefined, pool: string): Pod[] {
    return this.pods.cache.by('pool', pool).filter(({ metadata }) => metadata.namespace === namespace);
  }

  routerPodsOf(namespace: string | undefined, router: string): Pod[] {
    return this.pods.cache.by('router', router).filter(({ metadata }) => metadata.namespace === namespace);
  }

  start(): void {
    for (const reflector of this.all) reflector.start();
    this.neighbours.start();
  }

  async synced(): Promise<void> {
    await Promise.all([...this.all.map(({ synced }) => synced), this.neighbours.known]);
  }

  /** Resolves when everything is at least as new as this call. Rejects when they are stopped. */
  async refresh(): Promise<void> {
    await Promise.all([...this.all, this.neighbours].map((each) => each.refresh()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all.map((reflector) => reflector.stop()), this.neighbours.stop()]);
  }
}
