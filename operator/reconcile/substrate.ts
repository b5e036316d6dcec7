import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { UriScheme } from '@qwenfleet/crds/qwendeployment/model';

export type EngineType = NonNullable<QwenDeployment['spec']['engine']['type']>;

/** A field that a substrate does nothing about. `applies` says whether the field asks for something at all. */
export type Gap<T> = { path: string; reason: string; applies(spec: T): boolean };

/** What a place to run can do: plans ask this, never where they are. */
export type Substrate = {
  name: string;
  engines: readonly EngineType[];
  schemes: readonly UriScheme[];
  /** CPU threads that a replica gets where nobody says. */
  threads: number;
  /** Are accelerators given to replicas here? */
  accelerators: boolean;
  deploymentGaps: readonly Gap<QwenDeployment['spec']>[];
};

/** The fields of a spec that nothing follows from, for the status. */
export const gapsOf = <T>(gaps: readonly Gap<T>[], spec: T): { path: string; reason: string }[] =>
  gaps.filter((gap) => gap.applies(spec)).map(({ path, reason }) => ({ path, reason }));
