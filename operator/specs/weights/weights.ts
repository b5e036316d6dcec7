import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { UriScheme } from '@qwenfleet/crds/qwendeployment/model';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';
import type { IVolume } from 'kubernetes-models/v1/Volume';
import type { IVolumeMount } from 'kubernetes-models/v1/VolumeMount';
import type { Blocked, EngineType } from '../../reconcile/substrate.ts';
import type { Capabilities } from '../capabilities.ts';

/**
 * What an engine can be told about its weights: `uri` pulls from everywhere by itself, `hub` knows ids of Hugging Face's
 * hub and paths, `folder` only paths.
 */
export type Reading = 'uri' | 'hub' | 'folder';

export type WeightsInput = {
  spec: QwenDeployment['spec'];
  hardwareClass: HardwareClass | undefined;
  engine: EngineType;
  reading: Reading;
  /** The image that has our runtime's own pull command. */
  pullImage: string;
};

/** Ports that pulling needs, besides name resolution; `any` where they are not known before a Secret is read. */
export type Egress = readonly number[] | 'any';

/** How weights come into a pod: what the engine is told, and what the pod has to bring for it. */
export type Weights = {
  /** A `model.uri` for our runtime, a hub id or a path for others. */
  location: string;
  /** Only with a hub id: the commit, tag or branch. */
  revision?: string;
  env: readonly IEnvVar[];
  volumes: readonly IVolume[];
  mounts: readonly IVolumeMount[];
  initContainers: readonly IContainer[];
  /** Secrets of the pod's images. */
  imagePullSecrets: readonly string[];
  egress: Egress;
};

/** One kind of address, as pods reach it. */
export type WeightsSource = {
  scheme: UriScheme;
  /** Why no pod can have these weights, when that is known before one is made. */
  refusal(rest: string, input: Omit<WeightsInput, 'pullImage'>, capabilities: Capabilities): Blocked | undefined;
  /** @param rest the address after `scheme://`. */
  weights(rest: string, input: WeightsInput): Weights;
};

/** Everything that a source leaves out. */
export const noWeights = {
  env: [],
  volumes: [],
  mounts: [],
  initContainers: [],
  imagePullSecrets: [],
  egress: [],
} as const satisfies Omit<Weights, 'location'>;

/** A refusal about where the weights are. */
export const unresolved = (reason: string, message: string): Blocked => ({
  condition: 'ModelResolved',
  reason,
  message,
});

export const never = (): undefined => undefined;
