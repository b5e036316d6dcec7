import { asFleetError, FleetError, toOpenAiError } from '@qwenfleet/core/errors';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';
import type { Dispatcher } from 'undici';
import { attempt, failure, isRetryable, type UpstreamAnswer, type UpstreamRequest } from './attempt.ts';
import { EventRelay } from './event-relay.ts';
import type { Lease, UpstreamPool } from './pool.ts';

export type DispatchParts = {
  attemptsMax: number;
  agent: Dispatcher;
  onRetry: (cause: string) => void;
};

export type Dispatched = {
  status: number;
  contentType: string;
  headers: Record<string, string>;
  /** Bytes for the client. Ending early frees the replica's slot. */
  body: AsyncGenerator<Uint8Array, void, void>;
  /** The part of the answer with token counts in it, once the body has ended. */
  usageText: () => string | undefined;
};

/**
 * Sends a request to a replica of the pool; to another one, or to the same one when it is back, as long as no byte of an
 * answer has come. After the first byte a failure becomes an error chunk in the stream.
 */
export async function dispatch(pool: UpstreamPool, asked: UpstreamRequest, parts: DispatchParts): Promise<Dispatched> {
  let last: FleetError | undefined;
  for (let count = 1; ; count += 1) {
    const lease = await pool.acquire(asked.body.length, asked.signal);
    try {
      const answer = await attempt(lease.url, asked, { pool: pool.config, agent: parts.agent });
      const final = count >= parts.attemptsMax || asked.signal.aborted;
      if (!isRetryable(answer.status) || final) return relay(answer, lease, pool, asked.signal);
      lease.release('failed');
      parts.onRetry(String(answer.status));
    } catch (thrown) {
      const left = asked.signal.aborted;
      lease.release(left ? 'answered' : 'failed');
      last = asFleetError(thrown);
      if (left || !last.retryable || count >= parts.attemptsMax) throw last;
      parts.onRetry(last.code);
    }
  }
}

function relay(answer: UpstreamAnswer, lease: Lease, pool: UpstreamPool, signal: AbortSignal): Dispatched {
  const { status, contentType, headers, rest } = answer;
  const head = { status, contentType, headers };
  if (!rest) {
    lease.release('answered');
    return { ...head, body: once(answer.first), usageText: () => Buffer.from(answer.first).toString('utf8') };
  }
  const events = new EventRelay();
  return {
    ...head,
    body: stream(answer.first, rest, { events, lease, pool, signal }),
    usageText: () => events.usageText,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes;
}

type StreamParts = { events: EventRelay; lease: Lease; pool: UpstreamPool; signal: AbortSignal };

async function* stream(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  { events, lease, pool, signal }: StreamParts,
): AsyncGenerator<Uint8Array, void, void> {
  let outcome: 'answered' | 'failed' = 'answered';
  try {
    for (let chunk = first; ;) {
      const whole = events.push(chunk);
      if (whole.length > 0) yield whole;
      const next = await rest.next();
      if (next.done) break;
      chunk = next.value;
    }
    if (!events.finished)
      throw new FleetError(
        'upstream_failed',
        `A replica of the pool "${pool.config.name}" broke off its answer. Try again.`,
      );
  } catch (thrown) {
    if (signal.aborted) {
      if (signal.reason instanceof FleetError) yield errorChunk(signal.reason);
      return;
    }
    outcome = 'failed';
    yield errorChunk(failure(thrown, pool.config.name));
  } finally {
    lease.release(outcome);
    await rest.return?.();
  }
}

const errorChunk = (error: FleetError): Uint8Array => Buffer.from(encodeSse(toOpenAiError(error)) + sseDone);
