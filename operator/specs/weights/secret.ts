import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';

type Reference = QwenDeployment['spec']['model']['secretRef'];

/** A variable from an entry of the named Secret; none without a Secret. */
export function fromSecret(reference: Reference, name: string, key: string, optional = false): IEnvVar[] {
  if (!reference) return [];
  const secretKeyRef = { name: reference.name, key, ...(optional ? { optional: true } : {}) };
  return [{ name, valueFrom: { secretKeyRef } }];
}
