import { availableParallelism } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { QwenDeployment, QwenRouter } from '@qwenfleet/crds/kinds';
import { specSchema } from '@qwenfleet/crds/qwendeployment/spec';
import type { Gap, Substrate } from '../reconcile/substrate.ts';

/** What a pool asks for that asks for nothing. */
const plain = specSchema.parse({ tier: 'small' });

/** Fields that mean something to a cluster, or to later work, and nothing to processes of one machine. */
const gaps: readonly Gap<QwenDeployment['spec']>[] = [
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
  {
    path: 'spec.engine.image',
    reason: 'replicas are processes here, not containers',
    applies: ({ engine }) => engine.image !== undefined,
  },
  {
    path: 'spec.coldStart.keepAlive',
    reason: 'held streams get no comments yet',
    applies: ({ coldStart }) => coldStart.keepAlive !== plain.coldStart.keepAlive,
  },
  {
    path: 'spec.model.secretRef',
    reason: 'sources take their tokens from the environment here, such as HF_TOKEN',
    applies: ({ model }) => model.secretRef !== undefined,
  },
  {
    path: 'spec.model.verify.sha256Manifest',
    reason: 'manifests are not read yet; verify.sha256 is checked',
    applies: ({ model }) => model.verify?.sha256Manifest !== undefined,
  },
  {
    path: 'spec.engine.args',
    reason: 'the runtime here takes no arguments',
    applies: ({ engine }) => engine.args !== undefined,
  },
  {
    path: 'spec.engine.env',
    reason: 'the runtime here has the environment of the command that started the fleet',
    applies: ({ engine }) => engine.env !== undefined,
  },
  {
    path: 'spec.cache',
    reason: 'weights are in the cache of this machine, see QWENFLEET_CACHE',
    applies: ({ cache }) => !isDeepStrictEqual(cache, plain.cache),
  },
  {
    path: 'spec.rollout',
    reason: 'nothing is rolled here: a change takes effect at the next start',
    applies: ({ rollout }) => !isDeepStrictEqual(rollout, plain.rollout),
  },
  {
    path: 'spec.update',
    reason: 'nothing is swapped here: a change takes effect at the next start',
    applies: ({ update }) => update?.hot !== undefined,
  },
  {
    path: 'spec.drain.preStop',
    reason: 'the router of this machine is told at once, so nobody needs time to notice',
    applies: ({ drain }) => drain.preStop !== plain.drain.preStop,
  },
];

/** The same for the endpoint. */
export const localRouterGaps: readonly Gap<QwenRouter['spec']>[] = [
  {
    path: 'spec.replicas',
    reason: 'one router runs on this machine; it is started again when it ends',
    applies: ({ replicas }) => replicas > 1,
  },
  {
    path: 'spec.paused',
    reason: 'the command that was typed starts the router',
    applies: ({ paused }) => paused,
  },
];

/** Cores are shared by all pools: two threads each keep one pool from starving the others. */
const threadsMax = 2;

/** What processes of this machine can do. */
export const localSubstrate: Substrate = {
  name: 'this machine',
  engines: ['qwen', 'external'],
  schemes: ['hf', 's3', 'wheel', 'file', 'https'],
  adapterSchemes: () => ['hf', 's3', 'wheel', 'file'],
  threads: Math.min(threadsMax, availableParallelism()),
  reservesCpu: false,
  accelerators: false,
  deploymentGaps: gaps,
};
