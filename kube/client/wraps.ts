import { backoffMs, type BackoffPolicy } from '@qwenfleet/core/backoff';
import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { Rng } from '@qwenfleet/core/rng';
import { slept, withinTime } from '../time-limit.ts';
import type { TokenBucket } from '../token-bucket.ts';
import { describeCall, isWrite, type Call, type Wrap } from './call.ts';
import type { Fence } from './fence.ts';
import { isUnauthorized, StatusError } from './status-error.ts';

/** Writes wait for their turn. */
export const rateLimited =
  (bucket: TokenBucket, clock: Clock): Wrap =>
  (send) =>
  async (call) => {
    if (!isWrite(call)) return send(call);
    const waitMs = bucket.reserve();
    if (waitMs > 0) {
      await clock.sleep(waitMs, call.signal).catch((reason: unknown) => {
        bucket.giveBack();
        throw reason;
      });
    }
    return send(call);
  };

/** Everything inside has to end within the time. Throws `upstream_timeout`. */
export const within =
  (limitMs: number, clock: Clock): Wrap =>
  (send) =>
  (call) => {
    const late = (): FleetError =>
      new FleetError('upstream_timeout', `The API server did not answer "${describeCall(call)}" in ${limitMs} ms.`);
    return withinTime(clock, { ms: limitMs, parent: call.signal, late }, (signal) => send({ ...call, signal }));
  };

const retryBackoff: BackoffPolicy = { baseMs: 250, maxMs: 10_000, factor: 2 };
export const retriesMax = 4;

/**
 * Tries again: after 429 any call, since the server has not begun it; after a failure that may have happened in the
 * middle (500, 502 to 504, a broken connection) only calls that may be done twice. Retry-After is honoured.
 */
export const retried =
  ({ clock, rng }: { clock: Clock; rng: Rng }): Wrap =>
  (send) =>
  async (call) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await send(call);
      } catch (error) {
        if (attempt >= retriesMax || call.signal?.aborted || !mayRetry(call, error)) throw error;
        const waitMs = backoffMs(retryBackoff, attempt, rng);
        const askedMs = error instanceof FleetError ? (error.retryAfterMs ?? 0) : 0;
        // What the server said is worth more to the caller than that time ran out while waiting.
        if (!(await slept(clock, Math.max(waitMs, askedMs), call.signal ?? new AbortController().signal))) throw error;
      }
    }
  };

const transientStatuses = new Set([500, 502, 503, 504]);

function mayRetry(call: Call, error: unknown): boolean {
  if (!(error instanceof FleetError)) return false;
  if (!(error instanceof StatusError))
    return call.idempotent && (error.code === 'upstream_failed' || error.code === 'upstream_timeout');
  return error.statusCode === 429 || (call.idempotent && transientStatuses.has(error.statusCode));
}

/** A token may have been changed under us: reads the credentials again, once per call. */
export const reauthenticated =
  (renew: () => Promise<void>): Wrap =>
  (send) =>
  async (call) => {
    try {
      return await send(call);
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      await renew();
      return send(call);
    }
  };

/**
 * No write leaves unless the fence holds when its bytes do: a process may have been stopped while the call waited for
 * a connection. And none is waited for when the fence has fallen.
 */
export const fenced =
  (fence: Fence, clock: Clock): Wrap =>
  (send) =>
  async (call) => {
    if (!isWrite(call)) return send(call);
    const beforeSend = (): void => {
      if (fence.leftMs() <= 0) throw lost(call);
    };
    beforeSend();
    const signal = call.signal ? AbortSignal.any([call.signal, fence.signal]) : fence.signal;
    return withinTime(clock, { ms: fence.leftMs(), parent: signal, late: () => lost(call) }, (inner) =>
      send({ ...call, signal: inner, beforeSend }),
    );
  };

const lost = (call: Call): FleetError =>
  new FleetError('not_leader', `"${describeCall(call)}" was not sent: this process does not lead.`);
