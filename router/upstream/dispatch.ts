import { backoffMs } from '@qwenfleet/core/backoff';
import type { Clock } from '@qwenfleet/core/clock';
import { asFleetError, FleetError, toOpenAiError } from '@qwenfleet/core/errors';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';
import type { Rng } from '@qwenfleet/core/rng';
import type { Dispatcher } from 'undici';
import { attempt, failure, outcomeOf, type UpstreamAnswer } from './attempt.ts';
import { EventRelay } from './event-relay.ts';
import type { Outcome } from './outcome.ts';
import type { Lease, UpstreamPool } from './pool.ts';
import { withModel, type RawMembers } from './request-body.ts';
import { clientError } from './upstream-error.ts';

/** Before the same replica is asked again because there is no other. */
const retryPause = { baseMs: 200, maxMs: 2_000, factor: 2 };
/** A server that wants to be left alone for longer than this is not waited for: the client is told. */
const retryAfterMsMax = 2_000;

/** Token counts are at the end of an answer. */
const usageBytes = 4_096;

export type Dispatching = {
  path: string;
  members: RawMembers;
  /** Size of the request, for the bound on what waits. */
  bytes: number;
  stream: boolean;
  requestId: string;
  signal: AbortSignal;
};

export type DispatchParts = {
  config: Pick<RouterConfig, 'timeouts' | 'retry'>;
  agent: () => Dispatcher;
  clock: Clock;
  rng: Rng;
  onRetry: (cause: string) => void;
};

export type ByteStream = AsyncGenerator<Uint8Array, void, void>;

export type Dispatched = {
  status: number;
  contentType: string;
  headers: Record<string, string>;
  /** What the replica that answers runs, where its pool has revisions. */
  revision: string | undefined;
  /** Bytes for the client: all of them, or as they come. Ending a stream early frees the replica's place. */
  body: Uint8Array | ByteStream;
  /** The part of the answer with token counts in it, once the body has ended. */
  usageText: () => string | undefined;
  /** What ended the answer before its time, once the body has ended. */
  error: () => FleetError | undefined;
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
  const { signal, bytes } = asked;
  const lease = await pool.acquire({ bytes, signal, tried });
  tried.add(lease.id);
  try {
    // Read now: the pool may have been given another model while the request waited.
    const { config } = pool;
    const request = { ...asked, body: withModel(asked.members, config.upstreamModel) };
    const answer = await attempt(lease.url, request, {
      pool: config,
      agent: parts.agent(),
      timeouts: parts.config.timeouts,
    });
    const outcome = outcomeOf(answer);
    return { dispatched: relay(answer, lease, pool, signal), outcome };
  } catch (thrown) {
    const error = asFleetError(thrown);
    lease.release({ kind: signal.aborted ? 'left' : 'broken' });
    if (signal.aborted) throw error;
    return { error };
  }
}

/** Would asking again, elsewhere or a little later, be better than passing this answer on? */
function worthAnother(outcome: Outcome, pool: UpstreamPool, tried: ReadonlySet<string>): boolean {
  if (outcome.kind === 'erred') return true;
  if (outcome.kind !== 'busy') return false;
  return pool.hasOther(tried) || (outcome.retryAfterMs ?? 0) <= retryAfterMsMax;
}

/** The answer as the client gets it. The replica's place is given back when a stream ends, otherwise at once. */
function relay(answer: UpstreamAnswer, lease: Lease, pool: UpstreamPool, signal: AbortSignal): Dispatched {
  const { contentType, headers, rest, status } = answer;
  const common = { headers, revision: lease.revision };
  if (status < 200 || status >= 300) {
    lease.release(outcomeOf(answer));
    const error = clientError(status, answer.first, pool.config.name);
    return {
      ...common,
      status: error.status,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(error.body)),
      usageText: () => undefined,
      error: () => undefined,
    };
  }
  if (!rest) {
    lease.release(outcomeOf(answer));
    const usageText = (): string => Buffer.from(answer.first.subarray(-usageBytes)).toString('utf8');
    return { ...common, status, contentType, body: answer.first, usageText, error: () => undefined };
  }
  lease.began();
  const events = new EventRelay();
  const ending: Ending = { error: undefined };
  return {
    ...common,
    status,
    contentType,
    body: stream(answer.first, rest, { events, lease, pool: pool.config.name, signal, ending }),
    usageText: () => events.usageText,
    error: () => ending.error,
  };
}

type Ending = { error: FleetError | undefined };
type StreamParts = { events: EventRelay; lease: Lease; pool: string; signal: AbortSignal; ending: Ending };

async function* stream(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  { events, lease, pool, signal, ending }: StreamParts,
): ByteStream {
  let outcome: Outcome = { kind: 'left' };
  try {
    for (let chunk = first; ;) {
      const whole = events.push(chunk);
      if (whole.length > 0) yield whole;
      const next = await rest.next();
      if (next.done) break;
      chunk = next.value;
    }
    const end = events.end();
    if (end.length > 0) yield end;
    if (!events.finished)
      throw new FleetError('upstream_failed', `A replica of the pool "${pool}" broke off its answer. Try again.`);
    outcome = { kind: events.failed ? 'erred' : 'answered' };
  } catch (thrown) {
    ending.error = signal.aborted ? asFleetError(signal.reason) : failure(thrown, pool);
    if (!signal.aborted) outcome = { kind: 'broken' };
    // Nobody is there to read of it when the client has left.
    if (ending.error.code !== 'cancelled') yield errorChunk(ending.error);
  } finally {
    lease.release(outcome);
    await rest.return?.();
  }
}

const errorChunk = (error: FleetError): Uint8Array => Buffer.from(encodeSse(toOpenAiError(error)) + sseDone);
