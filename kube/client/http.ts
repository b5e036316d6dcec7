import { FleetError } from '@qwenfleet/core/errors';
import { errors, request, type Dispatcher } from 'undici';
import type { Connection } from '../connection/connection.ts';
import { describeCall, type Call, type Send } from './call.ts';
import { withLastCheck } from './last-check.ts';
import { readStatusError } from './status-error.ts';

/** A list of 10,000 pods in one answer is about 100 MB. */
export const answerBytesMax = 256 * 1024 * 1024;

/** Told of every answer: its status, or `error` where none came. */
export type OnAnswer = (call: Call, code: string) => void;

export type Wire = { connection: Connection; onAnswer: OnAnswer; userAgent: string | undefined };

/** Sends one call over the connection and reads its answer whole. */
export const httpSend =
  (wire: Wire): Send =>
  async (call) => {
    const response = await open(call, 'requests', wire);
    const body = await readWhole(response.body, call);
    if (response.statusCode >= 300) throw refusal(response, body);
    return parseJson(body, call);
  };

/** Opens a call whose answer is a stream. */
export const httpStream =
  (wire: Wire): Send<AsyncIterable<Uint8Array>> =>
  async (call) => {
    const response = await open(call, 'watches', wire);
    if (response.statusCode >= 300) throw refusal(response, await readWhole(response.body, call));
    return readable(response.body, call);
  };

async function open(
  call: Call,
  kind: 'requests' | 'watches',
  { connection, onAnswer, userAgent }: Wire,
): Promise<Dispatcher.ResponseData> {
  try {
    const access = await connection.access();
    const response = await request(urlOf(connection.server, call), {
      method: call.method,
      dispatcher: call.beforeSend ? withLastCheck(access[kind], call.beforeSend) : access[kind],
      signal: call.signal ?? null,
      headers: {
        accept: 'application/json',
        ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        ...access.headers,
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
    });
    onAnswer(call, String(response.statusCode));
    return response;
  } catch (cause) {
    onAnswer(call, 'error');
    throw failure(call, cause);
  }
}

function urlOf(server: string, call: Call): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? `${server}${call.path}` : `${server}${call.path}?${query.toString()}`;
}

async function* readable(body: Dispatcher.ResponseData['body'], call: Call): AsyncGenerator<Uint8Array> {
  try {
    // undici's body yields buffers as long as nobody sets an encoding.
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (cause) {
    throw failure(call, cause);
  }
}

async function readWhole(body: Dispatcher.ResponseData['body'], call: Call): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of readable(body, call)) {
    bytes += part.length;
    if (bytes > answerBytesMax)
      throw new FleetError('upstream_failed', `The answer to "${describeCall(call)}" is too large.`, {
        retryable: false,
      });
    parts.push(part);
  }
  return Buffer.concat(parts, bytes).toString('utf8');
}

function parseJson(body: string, call: Call): unknown {
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new FleetError('upstream_failed', `The answer to "${describeCall(call)}" is not JSON.`, { cause });
  }
}

function refusal({ statusCode, headers }: Dispatcher.ResponseData, body: string): FleetError {
  const retryAfter = headers['retry-after'];
  return readStatusError(statusCode, body, retryAfter === undefined ? undefined : String(retryAfter));
}

/** What undici threw, as one of ours; the signal's own reason where the signal ended it. */
function failure(call: Call, cause: unknown): unknown {
  if (call.signal?.aborted) return call.signal.reason;
  if (cause instanceof FleetError) return cause;
  const slow = cause instanceof errors.HeadersTimeoutError || cause instanceof errors.BodyTimeoutError;
  const what = slow ? 'did not answer in time' : 'could not be reached or broke off';
  const message = `The API server ${what}: ${describeCall(call)}.`;
  return new FleetError(slow ? 'upstream_timeout' : 'upstream_failed', message, { cause });
}
