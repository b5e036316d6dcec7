import type { IPodTemplateSpec } from 'kubernetes-models/v1/PodTemplateSpec';
import { engineContainer, workerContainer } from './engine-container.ts';
import { podTemplateOf } from './pod-template.ts';
import type { Pool } from './pool.ts';

/** What runs one replica: a pod, or a group of pods over several nodes. */
export type Workload =
  | { kind: 'Deployment'; template: IPodTemplateSpec }
  | { kind: 'LeaderWorkerSet'; size: number; leader: IPodTemplateSpec; worker: IPodTemplateSpec };

/** What the pods of the pool's newest revision look like, as this operator would write them. */
export function workloadOf(pool: Pool): Workload {
  const leader = podTemplateOf(pool, engineContainer(pool), 'server');
  const worker = pool.parallelism.nodes > 1 ? workerContainer(pool) : undefined;
  if (!worker) return { kind: 'Deployment', template: leader };
  return {
    kind: 'LeaderWorkerSet',
    size: pool.parallelism.nodes,
    leader,
    worker: podTemplateOf(pool, worker, 'worker'),
  };
}
