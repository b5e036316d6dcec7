import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import { scaleSpecOf } from '../../scale/spec.ts';
import type { ScaleSpec } from '../../scale/types.ts';
import type { Substrate } from '../substrate.ts';
import { resolveDeployment, type Resolved } from './plan/resolve.ts';
import { revisionOf, runtimeConfigOf } from './plan/runtime-config.ts';

/** What a QwenDeployment means on a substrate, before anything is looked at that changes by the second. */
export type DeploymentPlan = {
  resolved: Resolved;
  /** Undefined where our runtime does not run: other engines, and what cannot be started here. */
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
};

/** Decides everything about a pool that its spec decides alone. */
export function planDeployment({ deployment, hardwareClass, substrate, cacheDir }: PlanInput): DeploymentPlan {
  const { spec } = deployment;
  const resolved = resolveDeployment(deployment, hardwareClass, substrate);
  const runs = resolved.engine.type !== 'external' && !resolved.blocked;
  const ours = runs && resolved.engine.type === 'qwen';
  const config = ours ? runtimeConfigOf(deployment, resolved, cacheDir) : undefined;
  const acts = runs && !spec.suspend && !spec.paused;
  const scaling = acts && spec.scaling?.owner === 'Internal' ? spec.scaling : undefined;
  return {
    resolved,
    runtime: config && { config, revision: revisionOf(config) },
    scale: scaling && scaleSpecOf(scaling, resolved.maxConcurrency),
    initialReplicas: acts ? initialReplicasOf(spec) : 0,
    wakeable: scaling?.minReplicas === 0 && scaling.mode === 'Enforce',
  };
}

function initialReplicasOf(spec: QwenDeployment['spec']): number {
  if (spec.replicas !== undefined && spec.scaling?.owner !== 'Internal') return spec.replicas;
  return spec.scaling ? Math.max(1, spec.scaling.minReplicas) : 1;
}
