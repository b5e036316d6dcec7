import { FleetError } from '@qwenfleet/core/errors';
import type { PoolEndpoints } from '@qwenfleet/core/fleet/endpoints';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';

const seconds = (ms: number): number => Math.round(ms / 1000);

/** There will be no replica, however long one waits. */
export const hopeless = ({ name }: PoolConfig, { problem }: PoolEndpoints): FleetError =>
  new FleetError(
    'pool_unavailable',
    `The pool "${name}" cannot answer: ${problem ?? 'it has no replicas and none may be started'}. Ask for another model, or try again later.`,
    { retryable: false },
  );

/** There are replicas, and none can be reached. */
export const silent = (name: string, retryAfterMs: number, cause?: unknown): FleetError =>
  new FleetError(
    'pool_unavailable',
    `No server of the pool "${name}" can be reached. Ask for another model, or try again shortly.`,
    { retryAfterMs, cause },
  );

/** Too few replicas are left for the pool's load, and those have all that they can answer. */
export const overwhelmed = (name: string, left: { sound: number; of: number; retryAfterMs: number }): FleetError =>
  new FleetError(
    'pool_unavailable',
    `Only ${left.sound} of the ${left.of} servers of the pool "${name}" can be reached, and there is no place left at them. Ask for another model, or try again shortly.`,
    { retryAfterMs: left.retryAfterMs },
  );

/** A replica ended in the middle. */
export const brokeOff = (name: string, cause?: unknown): FleetError =>
  new FleetError('upstream_failed', `A replica of the pool "${name}" broke off its answer. Try again.`, { cause });

/** No replica became ready in time. */
export const tooSlow = ({ name, hold }: PoolConfig, retryAfterMs: number): FleetError =>
  new FleetError(
    'pool_unavailable',
    `The pool "${name}" had no ready replica within ${seconds(hold.timeoutMs)} s. Try again shortly.`,
    { retryAfterMs },
  );

/** Every replica was busy for too long. */
export const tooFull = ({ name, saturation }: PoolConfig, retryAfterMs: number): FleetError =>
  new FleetError(
    'queue_full',
    `Every replica of the pool "${name}" was busy for ${seconds(saturation.queueTimeoutMs)} s. Try again shortly.`,
    { retryAfterMs },
  );

/** The pool was taken out of the configuration while the request waited. */
export const removed = ({ name }: PoolConfig): FleetError =>
  new FleetError('pool_unavailable', `The pool "${name}" is no longer served. Ask for another model.`, {
    retryable: false,
  });
