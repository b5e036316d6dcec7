import { backoffMs } from '@qwenfleet/core/backoff';
import type { Clock } from '@qwenfleet/core/clock';
import { asFleetError, type FleetError } from '@qwenfleet/core/errors';
import type { PoolConfig, RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { Rng } from '@qwenfleet/core/rng';
import type { Dispatcher } from 'undici';
import type { HeaderReader } from '../policy/canary/arms.ts';
import { attempt, outcomeOf } from './attempt.ts';
import type { Outcome } from './outcome.ts';
import type { UpstreamPool } from './pool.ts';
import { relay, type Dispatched } from './relay.ts';
import { withModel, type RawMembers } from './request-body.ts';

/** Before the same replica is asked again because there is no other. */
const retryPause = { baseMs: 200, maxMs: 2_000, factor: 2 };
/** A server that wants to be left alone for longer than this is not waited for: the client is told. */
const retryAfterMsMax = 2_000;

export type Dispatching = {
  path: string;
  members: RawMembers;
  /** Size of the request, for the bound on what waits. */
  bytes: number;
  stream: boolean;
  requestId: string;
  /** The client's headers, of which one may ask for a revision. */
  header: HeaderReader;
  signal: AbortSignal;
};

export type DispatchParts = {
  config: Pick<RouterConfig, 'timeouts' | 'retry'>;
  agent: () => Dispatcher;
  clock: Clock;
  rng: Rng;
  onRetry: (cause: string) => void;
};

/**
 * Sends a request to a replica of the pool; to another one, or to the same one when it is back, as long as no byte of an
 * answer has come. After the first byte a failure becomes an error chunk in the stream.
 */
export async function dispatch(pool: UpstreamPool, asked: Dispatching, parts: DispatchParts): Promise<Dispatched> {
  const tried = new Set<string>();
  const { attemptsMax } = parts.config.retry;
  for (let count = 1; ; count += 1) {
    const result = await tryOnce(pool, asked, tried, parts);
    const last = count >= attemptsMax || asked.signal.aborted;
    if ('dispatched' in result) {
      const { dispatched, outcome } = result;
      if (last || !worthAnother(outcome, pool, tried)) return dispatched;
      parts.onRetry(String(dispatched.status));
    } else {
      if (last || !result.error.retryable) throw result.error;
      parts.onRetry(result.error.code);
    }
    if (!pool.hasOther(tried)) await parts.clock.sleep(backoffMs(retryPause, count - 1, parts.rng), asked.signal);
  }
}

type Tried = { dispatched: Dispatched; outcome: Outcome } | { error: FleetError };

/** One attempt at one replica. Throws only when there is no replica to be had, or the client has left. */
async function tryOnce(
  pool: UpstreamPool,
  asked: Dispatching,
  tried: Set<string>,
  parts: DispatchParts,
): Promise<Tried> {
  const { signal, bytes, header } = asked;
  const lease = await pool.acquire({ bytes, signal, tried, header });
  tried.add(lease.id);
  try {
    // Read now: the pool may have been given another model while the request waited.
    const { config } = pool;
    const request = { ...asked, body: withModel(asked.members, upstreamModel(config, asked.members)) };
    const answer = await attempt(lease.url, request, {
      pool: config,
      agent: parts.agent(),
      timeouts: parts.config.timeouts,
    });
    const outcome = outcomeOf(answer);
    return { dispatched: relay(answer, lease, { pool: config.name, signal }), outcome };
  } catch (thrown) {
    const error = asFleetError(thrown);
    lease.release({ kind: signal.aborted ? 'left' : 'broken' });
    if (signal.aborted) throw error;
    return { error };
  }
}

/** An adapter is asked for by its own name, everything else by the one that the pool's server has for its model. */
function upstreamModel({ adapters, upstreamModel: own }: PoolConfig, members: RawMembers): string {
  if (!adapters) return own;
  const asked: unknown = JSON.parse(members.get('model') ?? 'null');
  return adapters.find((name) => name === asked) ?? own;
}

/** Would asking again, elsewhere or a little later, be better than passing this answer on? */
function worthAnother(outcome: Outcome, pool: UpstreamPool, tried: ReadonlySet<string>): boolean {
  if (outcome.kind === 'erred') return true;
  if (outcome.kind !== 'busy') return false;
  return pool.hasOther(tried) || (outcome.retryAfterMs ?? 0) <= retryAfterMsMax;
}
