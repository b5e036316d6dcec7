import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Deployment } from '@qwenfleet/kube/kinds';
import type { KubeObject } from '@qwenfleet/kube/object';
import { planDeployment, type DeploymentPlan } from '../../reconcile/qwendeployment/plan.ts';
import type { ReplicaView } from '../../reconcile/qwendeployment/plan/observed.ts';
import { replicaOfPod } from '../../reconcile/qwendeployment/plan/pod.ts';
import type { Side } from '../../rollout/rolling.ts';
import { revisionLabel } from '../../specs/labels.ts';
import { poolSpecsOf, type PoolSpecs } from '../../specs/pool.ts';
import { cacheDir } from '../../specs/weights.ts';
import type { Caches } from '../caches.ts';
import type { CustomObject } from '../kinds.ts';
import { hardwareClassNamed, poolOf } from '../parse.ts';
import { clusterSubstrate } from '../substrate.ts';

/** Everything that is known of a pool at one moment, from the caches alone. */
export type PoolSeen = {
  object: CustomObject;
  deployment: QwenDeployment;
  hardwareClass: HardwareClass | undefined;
  plan: DeploymentPlan;
  /** Undefined where no pods of ours run. */
  specs: PoolSpecs | undefined;
  live: readonly KubeObject[];
  /** The workload of the revision that the spec wants, and those of older ones. */
  workload: Deployment | undefined;
  older: readonly Deployment[];
  replicas: readonly (ReplicaView & { revision: string | undefined })[];
};

export function observePool(object: CustomObject, caches: Caches, images: Readonly<Record<string, string>>): PoolSeen {
  const deployment = poolOf(object);
  const className = deployment.spec.hardware?.class;
  const hardwareClass = hardwareClassNamed(caches.classes.cache, className);
  const plan = planDeployment({ deployment, hardwareClass, substrate: clusterSubstrate, cacheDir });
  const specs = poolSpecsOf({ deployment, plan, hardwareClass, images });
  const { uid = '', namespace, name } = object.metadata;
  const workloads = caches.workloads.cache.by('owner', uid);
  const isCurrent = ({ metadata }: KubeObject): boolean => metadata.labels?.[revisionLabel] === specs?.revision;
  const wanted = { className, resourceName: hardwareClass?.spec.accelerator?.resourceName };
  return {
    object,
    deployment,
    hardwareClass,
    plan,
    specs,
    live: caches.childrenOf(uid),
    workload: workloads.find(isCurrent),
    older: workloads.filter((workload) => !isCurrent(workload)),
    replicas: caches
      .podsOf(namespace, name)
      .map((pod) => ({ ...replicaOfPod(pod, wanted), revision: pod.metadata.labels?.[revisionLabel] })),
  };
}

const replicasOf = ({ spec }: Deployment): number => spec?.replicas ?? 1;

/** The two sides of a rollout. Pods count until they are gone: they hold what new ones need. */
export function sidesOf({ specs, workload, older, replicas }: PoolSeen): { next: Side; previous: Side } {
  const current = replicas.filter(({ revision }) => revision === specs?.revision);
  const rest = replicas.filter(({ revision }) => revision !== specs?.revision);
  const ready = (of: readonly ReplicaView[]): number => of.filter(({ state }) => state === 'ready').length;
  return {
    next: { wanted: workload ? replicasOf(workload) : 0, existing: current.length, ready: ready(current) },
    previous: {
      wanted: older.reduce((sum, each) => sum + replicasOf(each), 0),
      existing: rest.length,
      ready: ready(rest),
    },
  };
}

/** The older workloads with what is left to them: the newest keep theirs longest. */
export function olderSizes(older: readonly Deployment[], total: number): Map<Deployment, number> {
  const byAge = older.toSorted((a, b) =>
    (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
  );
  const sizes = new Map<Deployment, number>();
  let left = total;
  for (const workload of byAge) {
    const size = Math.min(left, replicasOf(workload));
    sizes.set(workload, size);
    left -= size;
  }
  return sizes;
}
