import { availableParallelism } from 'node:os';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Gap, Substrate } from '../reconcile/substrate.ts';

/** Fields that mean something to a cluster, or to later work, and nothing to processes of one machine. */
const gaps: readonly Gap<QwenDeployment['spec']>[] = [
  {
    path: 'spec.adapters',
    reason: 'adapters are not loaded yet',
    applies: ({ adapters }) => (adapters?.length ?? 0) > 0,
  },
  {
    path: 'spec.parallelism',
    reason: 'a model runs in one process on this machine',
    applies: ({ parallelism }) => parallelism !== undefined,
  },
  {
    path: 'spec.scheduling',
    reason: 'there is one machine, so there is nothing to choose',
    applies: ({ scheduling }) => scheduling !== undefined && Object.keys(scheduling).length > 0,
  },
  {
    path: 'spec.podTemplate',
    reason: 'replicas are processes here, not pods',
    applies: ({ podTemplate }) => podTemplate !== undefined,
  },
  { path: 'spec.slo', reason: 'objectives are not measured yet', applies: ({ slo }) => slo !== undefined },
  {
    path: 'spec.engine.image',
    reason: 'replicas are processes here, not containers',
    applies: ({ engine }) => engine.image !== undefined,
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

/** Cores are shared by all pools: two threads each keep one pool from starving the others. */
const threadsMax = 2;

/** What processes of this machine can do. */
export const localSubstrate: Substrate = {
  name: 'this machine',
  engines: ['qwen', 'external'],
  schemes: ['hf', 'wheel', 'file', 'https'],
  threads: Math.min(threadsMax, availableParallelism()),
  accelerators: false,
  deploymentGaps: gaps,
};
