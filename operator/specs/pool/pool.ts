import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { Resolved } from '../../reconcile/qwendeployment/plan/resolve.ts';
import type { Capabilities } from '../capabilities.ts';
import type { PodEngine } from '../engine/engine.ts';
import { engineOf } from '../engine/registry.ts';
import type { Images } from '../images.ts';
import { parallelismOf, type Parallelism } from '../parallelism.ts';
import { weightsOf } from '../weights/registry.ts';
import type { Weights } from '../weights/weights.ts';
import { revisionOf } from './revision.ts';

export type PoolInput = {
  deployment: QwenDeployment;
  hardwareClass: HardwareClass | undefined;
  resolved: Resolved;
  /** What our own runtime is told; undefined with other engines. */
  config: RuntimeConfig | undefined;
  images: Images;
  capabilities: Capabilities;
  /** Of the token with which the operator exchanges weights in running engines; undefined where it cannot. */
  adminTokenSha256?: string | undefined;
};

/** A pool with everything decided that its objects are built from. */
export type Pool = PoolInput & {
  name: string;
  revision: string;
  engine: PodEngine;
  parallelism: Parallelism;
  weights: Weights;
};

/** Undefined where no pods run: external servers, and what is blocked. */
export function poolOf(input: PoolInput): Pool | undefined {
  const { deployment, hardwareClass, resolved, images } = input;
  const engine = engineOf(resolved.engine.type);
  if (!engine || resolved.blocked) return undefined;
  const { spec } = deployment;
  const weights = weightsOf({
    spec,
    hardwareClass,
    engine: engine.type,
    reading: engine.reading,
    pullImage: images.qwen,
  });
  const revision = revisionOf(input);
  return { ...input, name: resolved.name, revision, engine, parallelism: parallelismOf(spec), weights };
}
