import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import { isWakeable } from '@qwenfleet/crds/qwendeployment/wakeable';
import { scaleSpecOf } from '../../scale/spec.ts';
import type { ScaleSpec } from '../../scale/types.ts';
import type { Substrate } from '../substrate.ts';
import { nameConflict } from './plan/name-conflict.ts';
import { resolveDeployment, type Resolved } from './plan/resolve.ts';
import { revisionOf, runtimeConfigOf } from './plan/runtime-config.ts';

/** What a QwenDeployment means on a substrate, before anything is looked at that changes by the second. */
export type DeploymentPlan = {
  resolved: Resolved;
  /** Undefined where no runtime of ours runs: other engines, external servers, and what cannot be started here. */
  runtime: { config: RuntimeConfig; revision: string } | undefined;
  /** Undefined when the number of replicas is fixed. */
  scale: ScaleSpec | undefined;
  /** Replicas at a start: a pool that may reach zero begins with one, so that its first answer is quick. */
  initialReplicas: number;
  /** May a request start a replica? */
  wakeable: boolean;
};

export type PlanInput = {
  deployment: QwenDeployment;
  hardwareClass: HardwareClass | undefined;
  substrate: Substrate;
  cacheDir: string;
  /** Other pools of the namespace, where names were not checked before; see `nameConflict`. */
  others?: readonly QwenDeployment[] | undefined;
};

/** Decides everything about a pool that its spec decides alone. */
export function planDeployment(input: PlanInput): DeploymentPlan {
  const { spec } = input.deployment;
  const resolved = resolve(input);
  const runnable = resolved.engine.type !== 'external' && !resolved.blocked;
  const acts = runnable && !spec.suspend && !spec.paused;
  const scaling = acts && spec.scaling?.owner === 'Internal' ? spec.scaling : undefined;
  return {
    resolved,
    runtime: runnable ? runtimeOf(input, resolved) : undefined,
    scale: scaling && scaleSpecOf(scaling, resolved.maxConcurrency),
    initialReplicas: acts ? initialReplicasOf(spec) : 0,
    wakeable: runnable && isWakeable(spec),
  };
}

function resolve({ deployment, hardwareClass, substrate, others = [] }: PlanInput): Resolved {
  const resolved = resolveDeployment(deployment, hardwareClass, substrate);
  return { ...resolved, blocked: nameConflict(deployment, others) ?? resolved.blocked };
}

function runtimeOf({ deployment, cacheDir }: PlanInput, resolved: Resolved): DeploymentPlan['runtime'] {
  if (resolved.engine.type !== 'qwen') return undefined;
  const config = runtimeConfigOf(deployment, resolved, cacheDir);
  return { config, revision: revisionOf(config) };
}

function initialReplicasOf(spec: QwenDeployment['spec']): number {
  if (spec.replicas !== undefined && spec.scaling?.owner !== 'Internal') return spec.replicas;
  return spec.scaling ? Math.max(1, spec.scaling.minReplicas) : 1;
}
