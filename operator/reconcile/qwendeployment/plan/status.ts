import type { QwenDeployment, QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import type { Finding } from '../../conditions.ts';
import { deploymentConditions } from './conditions.ts';
import type { Observed } from './observed.ts';
import type { Resolved } from './resolve.ts';

/** A status whose conditions have no times yet; the clock belongs to the substrate. */
export type DeploymentFindings = Omit<QwenDeploymentStatus, 'conditions'> & { conditions: Finding[] };

/** The status of a pool from what was decided and what was seen. */
export function deploymentStatus(
  { metadata, spec }: QwenDeployment,
  resolved: Resolved,
  observed: Observed,
  revision: string | undefined,
): DeploymentFindings {
  const staying = observed.replicas.filter(({ state }) => state !== 'draining');
  const ready = staying.filter(({ state }) => state === 'ready').length;
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    replicas: staying.length,
    readyReplicas: ready,
    updatedReplicas: staying.filter((replica) => (replica.revision ?? revision) === revision).length,
    availableReplicas: ready,
    servedName: resolved.servedName,
    engine: resolved.engine,
    rollout: revision === undefined ? {} : { currentRevision: revision, updateRevision: revision },
    scaling: {
      desired: observed.desired,
      ...(observed.scaling
        ? {
            reason: observed.scaling.history[0]?.reason ?? 'as started',
            panic: observed.scaling.panicUntilMs !== undefined,
          }
        : {}),
    },
    notActedOn: resolved.notActedOn,
    conditions: deploymentConditions({ spec, resolved, observed }),
  };
}
