import { poolLabels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';

/** An identity without rights and without a token: replicas never talk to the API server. */
export const serviceAccount = ({ deployment, name, resolved }: Pool): KubeObject =>
  child(
    deployment,
    { apiVersion: 'v1', kind: 'ServiceAccount', name, labels: poolLabels(name, resolved.tier) },
    { automountServiceAccountToken: false },
  );
