import { revisionName } from '@qwenfleet/core/fleet/revision-name';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import { isWakeable } from '@qwenfleet/crds/qwendeployment/wakeable';
import { getScale, setScale } from '@qwenfleet/kube/client/scale';
import { isConflict, isNotFound } from '@qwenfleet/kube/client/status-error';
import { deployments } from '@qwenfleet/kube/kinds';
import type { PoolObject } from './snapshot.ts';

const fieldManager = 'qwen-router';

/**
 * From zero to one replica, through the scale subresource: the one write that a router makes. Anything else is the
 * scaler's, and when both write at once the older version loses.
 */
export async function wakePool(
  client: KubeClient,
  { namespace, pool }: { namespace: string; pool: PoolObject },
  signal: AbortSignal,
): Promise<boolean> {
  const { currentRevision: revision, replicas } = pool.status?.rollout ?? {};
  if (revision === undefined || !isWakeable(pool.spec)) return false;
  // One that came into running engines is in the workload that was there before.
  const host = replicas?.find((each) => each.revision === revision)?.host ?? revision;
  const at = { namespace, name: revisionName(pool.metadata.name, host) };
  try {
    const seen = await getScale(client, deployments, at, { signal });
    if ((seen.spec.replicas ?? 0) !== 0) return false;
    await setScale(client, deployments, at, { replicas: 1, seen, fieldManager, signal });
    return true;
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return false;
    throw error;
  }
}
