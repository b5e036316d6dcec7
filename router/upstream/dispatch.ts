import { backoffMs } from '@qwenfleet/core/backoff';
import type { Clock } from '@qwenfleet/core/clock';
import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import type { ClientKey } from '@qwenfleet/core/fleet/client-key';
import type { PoolConfig, RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { Rng } from '@qwenfleet/core/rng';
import { noSpan, type Span } from '@qwenfleet/core/telemetry/span';
import type { Dispatcher } from 'undici';
import type { Affinity } from '../policy/affinity.ts';
import type { HeaderReader } from '../policy/canary/arms.ts';
import { attempt, outcomeOf } from './attempt.ts';
import type { Counting } from './event-relay.ts';
import type { Outcome } from './outcome.ts';
import type { Lease, UpstreamPool } from './pool.ts';
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
  counting?: Counting | undefined;
  /** The client's headers, of which one may ask for a revision. */
  header: HeaderReader;
  affinity?: Affinity | undefined;
  /** Whose request it is. */
  key?: Pick<ClientKey, 'id'> | undefined;
  signal: AbortSignal;
  /** Of the whole request; none is kept when left out. */
  span?: Span;
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
  pool.retries.earn();
  for (let count = 1; ; count += 1) {
    const result = await tryOnce(pool, asked, tried, parts);
    const again = whatNext(result, pool, tried);
    if (!again || count >= parts.config.retry.attemptsMax || asked.signal.aborted) return passOn(result);
    if (!again.free && !pool.retries.spend()) return passOn(withoutRetry(result));
    parts.onRetry(again.cause);
    if (!pool.hasOther(tried)) await parts.clock.sleep(backoffMs(retryPause, count - 1, parts.rng), asked.signal);
  }
}

function passOn(result: Tried): Dispatched {
  if ('error' in result) throw result.error;
  return result.dispatched;
}

/** Why it should be tried again; undefined when it should not. */
function whatNext(result: Tried, pool: UpstreamPool, tried: ReadonlySet<string>): Again | undefined {
  // A replica that breaks is left alone at once, so what it leaves behind is bounded, and must not be lost with it.
  if ('error' in result)
    return result.error.retryable ? { cause: result.error.code, free: pool.hasOther(tried) } : undefined;
  const { dispatched, outcome } = result;
  return worthAnother(outcome, pool, tried) ? { cause: String(dispatched.status), free: false } : undefined;
}

/** `free`: it costs the budget nothing. */
type Again = { cause: string; free: boolean };

/** Too much is tried again already, so clients are asked not to add to it. */
function withoutRetry(result: Tried): Tried {
  if ('error' in result) {
    const { code, message, param, retryAfterMs, cause } = result.error;
    return { error: new FleetError(code, message, { param, retryAfterMs, cause, retryable: false }) };
  }
  const { dispatched } = result;
  return { ...result, dispatched: { ...dispatched, headers: { ...dispatched.headers, 'x-should-retry': 'false' } } };
}

type Tried = { dispatched: Dispatched; outcome: Outcome } | { error: FleetError };

/** One attempt at one replica. Throws only when there is no replica to be had, or the client has left. */
async function tryOnce(
  pool: UpstreamPool,
  asked: Dispatching,
  tried: Set<string>,
  parts: DispatchParts,
): Promise<Tried> {
  const { signal, bytes, header, stream, affinity, key, span = noSpan } = asked;
  const hold = span.child('router.hold');
  const wanted = { client: key?.id, bytes, signal, stream, tried, header, affinity };
  const leased = await pool.acquire(wanted).finally(() => hold.end());
  const upstream = span.child('router.upstream');
  const lease = upstream.recording
    ? traced(leased, upstream, { pool: pool.config.name, attempt: tried.size + 1 })
    : leased;
  tried.add(lease.id);
  try {
    // Read now: the pool may have been given another model while the request waited.
    const { config } = pool;
    const { traceparent } = upstream;
    const request = { ...asked, traceparent, body: withModel(asked.members, upstreamModel(config, asked.members)) };
    const answer = await attempt(lease.url, request, {
      pool: config,
      agent: parts.agent(),
      timeouts: parts.config.timeouts,
    });
    const outcome = outcomeOf(answer);
    return { dispatched: relay(answer, lease, { pool: config.name, signal, counting: asked.counting }), outcome };
  } catch (thrown) {
    const error = asFleetError(thrown);
    lease.release({ kind: signal.aborted ? 'left' : 'broken' });
    if (signal.aborted) throw error;
    return { error };
  }
}

/** The span ends when the replica's place is given back: with the last byte of a stream, or with what went wrong. */
function traced(lease: Lease, span: Span, { pool, attempt: count }: { pool: string; attempt: number }): Lease {
  span.set({ 'qwenfleet.pool': pool, 'qwenfleet.replica': lease.id, 'qwenfleet.attempt': count });
  return {
    ...lease,
    release: (outcome) => {
      lease.release(outcome);
      if (outcome.kind === 'answered') span.end();
      else {
        span.fail(outcome.kind);
        span.end();
      }
    },
  };
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
