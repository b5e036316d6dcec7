import { httpPort } from '../engine/engine.ts';
import { poolLabels, servingSelector, type Labels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/** The fields of inference.networking.k8s.io/v1 that are used here; no package has their types. */
export type InferencePoolSpec = {
  selector: { matchLabels: Labels };
  targetPorts: { number: number }[];
  endpointPickerRef: { name: string; port: { number: number }; failureMode: 'FailOpen' | 'FailClose' };
};

/** The pool as a gateway with the inference extension sees it. Without its picker, the gateway may choose by itself. */
export function inferencePool(
  { deployment, name, resolved }: Pool,
  picker: { name: string; port: number },
): KubeObject<{ spec: InferencePoolSpec }> {
  const labels = poolLabels(name, resolved.tier);
  return child(
    deployment,
    { apiVersion: 'inference.networking.k8s.io/v1', kind: 'InferencePool', name, labels },
    {
      spec: {
        selector: { matchLabels: servingSelector(name) },
        targetPorts: [{ number: httpPort }],
        endpointPickerRef: { name: picker.name, port: { number: picker.port }, failureMode: 'FailOpen' },
      },
    },
  );
}
