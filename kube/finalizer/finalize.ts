import { describeError, FleetError } from '@qwenfleet/core/errors';
import type { KubeClient } from '../client/client.ts';
import type { Environment } from '../environment.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { withinTime } from '../time-limit.ts';
import { hasFinalizer, removeFinalizer } from './finalizer.ts';

export type FinalizeOptions<T extends KubeObject> = {
  client: KubeClient;
  resource: Resource<T>;
  finalizer: string;
  /** Has to be safe to repeat. */
  cleanUp: (object: T, signal: AbortSignal) => Promise<void>;
  /** For one try. */
  tryMs?: number;
  /** Since the deletion. After this a failing cleanup is told to `onStuck`, and given up where `mayForce` says so. */
  boundMs?: number;
  /** Whether to let the object go though its cleanup failed: what it left behind stays behind. */
  mayForce?: (object: T) => boolean;
  /** Tell people, for instance by an event. */
  onStuck?: (object: T, error: unknown, forced: boolean) => void;
};

const defaults = { tryMs: 60_000, boundMs: 300_000 };

/**
 * Cleans up after an object that is being deleted, then lets it go. Throws the cleanup's error while there is time, and
 * when the time is up and nobody allowed force. Does nothing for an object that is not being deleted.
 */
export async function finalize<T extends KubeObject>(
  object: T,
  options: FinalizeOptions<T>,
  { environment, signal }: { environment: Environment; signal?: AbortSignal },
): Promise<void> {
  const { client, resource, finalizer, cleanUp, mayForce, onStuck } = options;
  const { tryMs: ms, boundMs } = { ...defaults, ...options };
  const { deletionTimestamp } = object.metadata;
  if (deletionTimestamp === undefined || !hasFinalizer(object, finalizer)) return;
  const late = (): FleetError => new FleetError('request_timeout', `The cleanup took longer than ${ms} ms.`);
  try {
    await withinTime(environment.clock, { ms, parent: signal, late }, (inner) => cleanUp(object, inner));
  } catch (error) {
    const stuck = environment.clock.epochMs() - Date.parse(deletionTimestamp) > boundMs;
    if (!stuck || signal?.aborted) throw error;
    const forced = mayForce?.(object) ?? false;
    environment.log.warn({ name: object.metadata.name, forced, error: describeError(error) }, 'a cleanup is stuck');
    onStuck?.(object, error, forced);
    if (!forced) throw error;
  }
  await removeFinalizer(object, { client, resource, finalizer, ...(signal ? { signal } : {}) });
}
