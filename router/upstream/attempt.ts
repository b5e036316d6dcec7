import { FleetError } from '@qwenfleet/core/errors';
import type { PoolConfig, RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { Agent, errors, request, type Dispatcher } from 'undici';

/** An answer that is not a stream is held whole, so that a replica's death in the middle of it costs nothing. */
export const wholeBytesMax = 64 * 1024 * 1024;

export type UpstreamRequest = {
  path: string;
  body: string;
  stream: boolean;
  requestId: string;
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

/** Statuses after which another replica may do better. */
const retryableStatuses = new Set([408, 429, 500, 502, 503, 504]);
export const isRetryable = (status: number): boolean => retryableStatuses.has(status);

/** What a client may see of an upstream's headers. */
const relayedHeaders = ['retry-after', 'retry-after-ms', 'x-should-retry'];

/** Connections to pools: kept alive, one request each at a time, and as many as there are requests. */
export function createUpstreamAgent(timeouts: RouterConfig['timeouts']): Agent {
  return new Agent({
    connect: { timeout: timeouts.connectMs },
    headersTimeout: timeouts.firstByteMs,
    bodyTimeout: timeouts.idleMs,
    connections: null,
    pipelining: 1,
  });
}

/**
 * Sends a request to one replica and waits for the first bytes of its answer.
 * Throws `upstream_failed` when the replica cannot be reached or dies before that, `upstream_timeout` when it takes too
 * long, and the signal's reason when the client leaves.
 */
export async function attempt(
  url: string,
  asked: UpstreamRequest,
  { pool, agent }: { pool: PoolConfig; agent: Dispatcher },
): Promise<UpstreamAnswer> {
  try {
    const response = await request(`${url}${asked.path}`, {
      method: 'POST',
      dispatcher: agent,
      signal: asked.signal,
      headers: {
        'content-type': 'application/json',
        accept: asked.stream ? 'text/event-stream' : 'application/json',
        'x-request-id': asked.requestId,
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

async function begin(response: Dispatcher.ResponseData, stream: boolean): Promise<UpstreamAnswer> {
  const { statusCode: status, headers } = response;
  const contentType = String(headers['content-type'] ?? 'application/json');
  const relayed = Object.fromEntries(
    relayedHeaders.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
  const head = { status, contentType, headers: relayed };
  if (!stream || status >= 400 || !contentType.includes('event-stream')) {
    return { ...head, first: await whole(response), rest: undefined };
  }
  const rest: AsyncIterator<Uint8Array> = response.body[Symbol.asyncIterator]();
  const first = await rest.next();
  if (first.done) throw new FleetError('upstream_failed', 'The stream ended before it began.');
  return { ...head, first: first.value, rest };
}

async function whole(response: Dispatcher.ResponseData): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    const buffer = Buffer.from(part as Uint8Array);
    bytes += buffer.length;
    if (bytes > wholeBytesMax)
      throw new FleetError('upstream_failed', `The pool's answer is larger than ${wholeBytesMax} bytes.`, {
        retryable: false,
      });
    parts.push(buffer);
  }
  return Buffer.concat(parts);
}

/** What undici threw, without addresses in it. */
export function failure(cause: unknown, pool: string): FleetError {
  if (cause instanceof FleetError) return cause;
  const slow = cause instanceof errors.HeadersTimeoutError || cause instanceof errors.BodyTimeoutError;
  if (slow)
    return new FleetError('upstream_timeout', `The pool "${pool}" took too long to answer. Try again.`, { cause });
  const unreachable = cause instanceof errors.ConnectTimeoutError || codeOf(cause) === 'ECONNREFUSED';
  const what = unreachable ? 'cannot be reached' : 'broke off its answer';
  return new FleetError('upstream_failed', `A replica of the pool "${pool}" ${what}. Try again.`, { cause });
}

const codeOf = (cause: unknown): unknown => (cause instanceof Error && 'code' in cause ? cause.code : undefined);
