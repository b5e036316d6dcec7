import { FleetError } from '@qwenfleet/core/errors';
import type { PoolConfig, RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { errors, request, type Dispatcher } from 'undici';
import type { Outcome } from './outcome.ts';
import { brokeOff, silent } from './pool-errors.ts';

/** An answer that is not a stream is held whole, so that a replica's death in the middle of it costs nothing. */
export const wholeBytesMax = 64 * 1024 * 1024;

export type UpstreamRequest = {
  path: string;
  body: string;
  stream: boolean;
  requestId: string;
  /** W3C trace context of the attempt. */
  traceparent?: string | undefined;
  signal: AbortSignal;
};

/** The beginning of an answer: for streams the first bytes and the rest, otherwise everything. */
export type UpstreamAnswer = {
  status: number;
  contentType: string;
  headers: Record<string, string>;
  first: Uint8Array;
  rest: AsyncIterator<Uint8Array> | undefined;
};

export type AttemptParts = { pool: PoolConfig; agent: Dispatcher; timeouts: RouterConfig['timeouts'] };

/** What a client may see of an upstream's headers. */
const relayedHeaders = ['retry-after', 'retry-after-ms', 'x-should-retry'];

/**
 * Sends a request to one replica and waits for the first bytes of its answer.
 * Throws `pool_unavailable` when the replica cannot be reached, `upstream_failed` when it dies before that,
 * `upstream_timeout` when it takes too long, and the signal's reason when the client leaves.
 */
export async function attempt(
  url: string,
  asked: UpstreamRequest,
  { pool, agent, timeouts }: AttemptParts,
): Promise<UpstreamAnswer> {
  try {
    const response = await request(`${url}${asked.path}`, {
      method: 'POST',
      dispatcher: agent,
      signal: asked.signal,
      // Without a stream the headers come with the last token, so only the limit of the whole answer applies.
      headersTimeout: asked.stream ? timeouts.firstByteMs : timeouts.totalMs,
      bodyTimeout: timeouts.idleMs,
      headers: {
        'content-type': 'application/json',
        accept: asked.stream ? 'text/event-stream' : 'application/json',
        // What comes is looked at, so it must not be packed.
        'accept-encoding': 'identity',
        'x-request-id': asked.requestId,
        ...(asked.traceparent === undefined ? {} : { traceparent: asked.traceparent }),
        ...(pool.apiKey === undefined ? {} : { authorization: `Bearer ${pool.apiKey}` }),
      },
      body: asked.body,
    });
    return await begin(response, asked.stream);
  } catch (cause) {
    if (asked.signal.aborted) throw asked.signal.reason;
    throw failure(cause, pool.name);
  }
}

/** How the replica did, from the status of its answer. */
export function outcomeOf({ status, headers }: Pick<UpstreamAnswer, 'status' | 'headers'>): Outcome {
  if (status === 429 || status === 503) return { kind: 'busy', status, retryAfterMs: retryAfterMs(headers) };
  return status === 408 || status >= 500 ? { kind: 'erred' } : { kind: 'answered' };
}

function retryAfterMs(headers: Record<string, string>): number | undefined {
  const ms = Number(headers['retry-after-ms'] ?? NaN);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const seconds = Number(headers['retry-after'] ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

async function begin(response: Dispatcher.ResponseData, stream: boolean): Promise<UpstreamAnswer> {
  const { statusCode: status, headers } = response;
  const contentType = String(headers['content-type'] ?? 'application/json');
  const relayed = Object.fromEntries(
    relayedHeaders.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
  const head = { status, contentType, headers: relayed };
  const isStream = contentType.includes('event-stream');
  if (status < 300 && isStream !== stream) {
    response.body.on('error', () => undefined).destroy();
    throw misunderstood(stream);
  }
  if (!isStream || status >= 300) {
    const first = await whole(response);
    if (status < 300 && isCut(first)) throw new FleetError('upstream_failed', 'The answer ended in the middle.');
    return { ...head, first, rest: undefined };
  }
  const rest = piecesOf(response.body);
  const first = await rest.next();
  if (first.done) throw new FleetError('upstream_failed', 'The stream ended before it began.');
  return { ...head, first: first.value, rest };
}

/** A client that waits for events reads JSON as a stream without any, and believes that it has ended well. */
const misunderstood = (stream: boolean): FleetError =>
  new FleetError(
    'upstream_failed',
    `The pool's server ${stream ? 'did not stream its answer, though it was asked to' : 'streamed its answer without being asked to'}.`,
    { retryable: false },
  );

/** Where a body ends with its connection, nothing but its own last brace tells a whole one from a cut one. */
const isCut = (body: Uint8Array): boolean => !/[}\]]\s*$/.test(Buffer.from(body.subarray(-64)).toString('latin1'));

/** The body's own iterator cannot be left while it waits for bytes. */
function piecesOf(body: Dispatcher.ResponseData['body']): AsyncIterator<Uint8Array> {
  const iterator: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
  body.on('error', () => undefined);
  return {
    next: () => iterator.next(),
    return: async () => {
      body.destroy();
      return { done: true, value: undefined };
    },
  };
}

async function whole(response: Dispatcher.ResponseData): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    // Undici's body yields buffers; its type says any.
    const buffer = part as Buffer;
    bytes += buffer.length;
    if (bytes > wholeBytesMax)
      throw new FleetError('upstream_failed', `The pool's answer is larger than ${wholeBytesMax} bytes.`, {
        retryable: false,
      });
    parts.push(buffer);
  }
  return Buffer.concat(parts);
}

/** Codes of a connection that never came about: the request was not seen by anybody. */
const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
]);

/** What undici threw, without addresses in it. */
export function failure(cause: unknown, pool: string): FleetError {
  if (cause instanceof FleetError) return cause;
  if (cause instanceof errors.HeadersTimeoutError || cause instanceof errors.BodyTimeoutError)
    return new FleetError('upstream_timeout', `The pool "${pool}" took too long to answer. Try again.`, { cause });
  if (cause instanceof errors.ConnectTimeoutError || unreachableCodes.has(codeOf(cause)))
    return silent(pool, 1_000, cause);
  return brokeOff(pool, cause);
}

const codeOf = (cause: unknown): string => (cause instanceof Error && 'code' in cause ? String(cause.code) : '');
