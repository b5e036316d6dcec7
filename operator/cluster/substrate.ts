import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Gap, Substrate } from '../reconcile/substrate.ts';

/** Fields that nothing in a cluster follows from yet. */
const gaps: readonly Gap<QwenDeployment['spec']>[] = [
  {
    path: 'spec.adapters',
    reason: 'the qwen engine does not load adapters yet',
    applies: ({ adapters, engine, hardware }) =>
      (adapters?.length ?? 0) > 0 && engine.type !== 'vllm' && (hardware?.count ?? 1) === 1,
  },
  { path: 'spec.slo', reason: 'objectives are not measured yet', applies: ({ slo }) => slo !== undefined },
  {
    path: 'spec.rollout.strategy',
    reason: 'a new revision replaces the old one as soon as it is ready; canaries and blue/green come later',
    applies: ({ rollout }) => rollout.strategy === 'Canary' || rollout.strategy === 'BlueGreen',
  },
  {
    path: 'spec.cache.mode',
    reason: 'weights are not kept on nodes yet: each pod pulls its own',
    applies: ({ cache }) => cache.mode === 'Node' || (cache.mode === 'Shared' && cache.pvcRef === undefined),
  },
  {
    path: 'spec.routing.strategy',
    reason: 'the replica with the least load is chosen; prefixes are not looked at yet',
    applies: ({ routing, replicas, scaling }) =>
      routing.strategy === 'PrefixHash' && (replicas ?? scaling?.maxReplicas ?? 1) > 1,
  },
  {
    path: 'spec.coldStart.keepAlive',
    reason: 'held streams get no comments yet',
    applies: ({ coldStart }) => coldStart.keepAlive !== '15s',
  },
];

/** Threads of a replica where neither the pool nor its hardware class says. */
const threads = 2;

/** What pods of a cluster can do. */
export const clusterSubstrate: Substrate = {
  name: 'this cluster',
  engines: ['qwen', 'vllm', 'triton', 'external'],
  schemes: ['hf', 'https', 'wheel', 'pvc', 'oci'],
  threads,
  accelerators: true,
  deploymentGaps: gaps,
};
