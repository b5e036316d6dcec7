import { modelFileName, type ModelReference } from '@qwenfleet/core/fleet/runtime-config';
import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import { canonicalJson } from '../canonical.ts';
import { poolLabels } from '../labels.ts';
import { child, type KubeObject, type Owner } from '../object.ts';
import type { Pool } from './pool.ts';

/** Of the weights that pods of a workload begin with, where they are not those of the revision it is named after. */
export const modelConfigMapName = (pool: string, workload: string): string => `${revisionName(pool, workload)}-model`;

/** Pods mount it beside their configuration if it is there, so that what starts later begins with what others answer with. */
export function modelConfigMap(
  owner: Owner,
  { name, resolved }: Pick<Pool, 'name' | 'resolved'>,
  { workload, model }: { workload: string; model: ModelReference },
): KubeObject {
  const labels = poolLabels(name, resolved.tier);
  const head = { apiVersion: 'v1', kind: 'ConfigMap', name: modelConfigMapName(name, workload), labels };
  return child(owner, head, { data: { [modelFileName]: canonicalJson(model) } });
}
