import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { IContainerPort } from 'kubernetes-models/v1/ContainerPort';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';
import type { ILifecycleHandler } from 'kubernetes-models/v1/LifecycleHandler';
import type { Resolved } from '../../reconcile/qwendeployment/plan/resolve.ts';
import type { EngineType } from '../../reconcile/substrate.ts';
import type { Parallelism } from '../parallelism.ts';
import { secondsOf } from '../seconds.ts';
import type { EngineLoad } from './load.ts';
import type { Reading, Weights } from '../weights/weights.ts';

/** Where every engine answers. */
export const httpPort = 8000;

export type EngineInput = {
  deployment: QwenDeployment;
  hardwareClass: HardwareClass | undefined;
  resolved: Resolved;
  weights: Weights;
  parallelism: Parallelism;
};

/** What an engine needs of its container; arguments and variables of people come after these. */
export type EngineContainer = {
  command: readonly string[];
  args: readonly string[];
  env: readonly IEnvVar[];
  ports: readonly IContainerPort[];
  /** `ready` answers 200 once the model is loaded; `live` fails only where a restart is the remedy. */
  probes: { ready: string; live: string };
  preStop: ILifecycleHandler;
};

/** One way to run a model in pods. */
export type PodEngine = {
  type: Exclude<EngineType, 'external'>;
  reading: Reading;
  /** Does it read the runtime's configuration from a ConfigMap? */
  configured: boolean;
  /** Name of the port that serves `/metrics`. */
  metricsPort: 'http' | 'metrics';
  /** Histogram of the seconds between two tokens of an answer, where the engine has one. */
  tokenSeconds: string | undefined;
  /** How it says how full it is; undefined for one that does not. */
  load: EngineLoad | undefined;
  /** Why it cannot run this pool, beyond its weights. */
  refusal(input: Pick<EngineInput, 'deployment' | 'parallelism'>): string | undefined;
  container(input: EngineInput): EngineContainer;
  /** For a replica that spans nodes: what its first pod is told besides, and what the others run. */
  spanning?: {
    leaderArgs(input: EngineInput): readonly string[];
    worker(input: EngineInput): Pick<EngineContainer, 'command' | 'args' | 'env'>;
  };
};

/** Time for everyone to notice that a replica goes. A kubelet does not sleep for less than a second. */
export const preStopSeconds = ({ spec }: QwenDeployment): number => secondsOf(spec.drain.preStop, 1);
export const graceSeconds = ({ spec }: QwenDeployment): number => secondsOf(spec.drain.gracePeriod, 0);

/** The kubelet sleeps by itself: an engine's image needs no shell. */
export const sleep = (deployment: QwenDeployment): ILifecycleHandler => ({
  sleep: { seconds: preStopSeconds(deployment) },
});
