import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import type { IResourceClaimTemplateSpec } from 'kubernetes-models/resource.k8s.io/v1/ResourceClaimTemplateSpec';
import { poolLabels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import type { Pool } from './pool.ts';
import { deviceClaim } from './resources.ts';

/** The devices that each pod claims, for a hardware class that names a device class; undefined for others. */
export function resourceClaimTemplate(pool: Pool): KubeObject<{ spec: IResourceClaimTemplateSpec }> | undefined {
  const { deployment, hardwareClass, name, revision, resolved, parallelism } = pool;
  const deviceClassName = hardwareClass?.spec.accelerator?.deviceClass;
  if (deviceClassName === undefined) return undefined;
  const head = {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaimTemplate',
    name: revisionName(name, revision),
    labels: poolLabels(name, resolved.tier),
  };
  const request = { name: deviceClaim, exactly: { deviceClassName, count: parallelism.devices } };
  return child(deployment, head, { spec: { spec: { devices: { requests: [request] } } } });
}
