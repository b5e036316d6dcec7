import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';

type Variable = NonNullable<QwenDeployment['spec']['engine']['env']>[number];

/** A variable as the custom resource has it. Its `valueFrom` is handed on; the API server knows what may be in it. */
export const envVarOf = ({ name, value, valueFrom }: Variable): IEnvVar => ({
  name,
  ...(value === undefined ? {} : { value }),
  ...(valueFrom === undefined ? {} : { valueFrom: valueFrom }),
});

/** The last variable of a name wins and stands where the first stood, so that `$(NAME)` in later ones still works. */
export const mergeEnv = (...lists: (readonly IEnvVar[])[]): IEnvVar[] => [
  ...new Map(lists.flat().map((variable) => [variable.name, variable])).values(),
];
