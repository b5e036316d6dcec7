import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { UriScheme } from '@qwenfleet/crds/qwendeployment/model';

export type EngineType = NonNullable<QwenDeployment['spec']['engine']['type']>;

/** A field that a substrate does nothing about. `applies` says whether the field asks for something at all. */
export type Gap<T> = { path: string; reason: string; applies(spec: T): boolean };

/** Why nothing can be started, when that is known before trying: which condition says so, and how. */
export type Blocked = {
  condition: 'ModelResolved' | 'ModelCached' | 'WorkloadAvailable';
  reason: string;
  message: string;
};

/** A pool with its engine chosen, as a substrate is asked about it. */
export type Candidate = {
  deployment: QwenDeployment;
  hardwareClass: HardwareClass | undefined;
  engine: EngineType;
};

/** What a place to run can do: plans ask this, never where they are. */
export type Substrate = {
  name: string;
  engines: readonly EngineType[];
  schemes: readonly UriScheme[];
  /** Those by which replicas reach adapters, beside a model of this scheme. */
  adapterSchemes: (model: string) => readonly string[];
  /** CPU threads that a replica gets where nobody says. */
  threads: number;
  /** Does a replica have the CPU of its hardware class for itself? Then it gets as many threads. */
  reservesCpu: boolean;
  /** Are accelerators given to replicas here? */
  accelerators: boolean;
  deploymentGaps: readonly Gap<QwenDeployment['spec']>[];
  /** What of this pool cannot be done here, beyond its engine and its scheme. */
  refusal?(candidate: Candidate): Blocked | undefined;
};

/** The fields of a spec that nothing follows from, for the status. */
export const gapsOf = <T>(gaps: readonly Gap<T>[], spec: T): { path: string; reason: string }[] =>
  gaps.filter((gap) => gap.applies(spec)).map(({ path, reason }) => ({ path, reason }));
