import { asFleetError, toOpenAiError, waitHeaders, type FleetError } from '@qwenfleet/core/errors';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';
import { failure, outcomeOf, type UpstreamAnswer } from './attempt.ts';
import { EventRelay, type Counting } from './event-relay.ts';
import { busyMs } from './health.ts';
import type { Outcome } from './outcome.ts';
import { brokeOff } from './pool-errors.ts';
import type { Lease } from './pool.ts';
import { clientError } from './upstream-error.ts';

/** Token counts are at the end of an answer. */
const usageBytes = 4_096;

/** Bytes as they come. `return` ends the stream early, also before it has begun. */
export type ByteStream = {
  next: () => Promise<IteratorResult<Uint8Array, void>>;
  return: () => Promise<void>;
};

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
  /** Events with text in them that came by, about one a token. */
  pieces: () => number;
  /** What ended the answer before its time, once the body has ended. */
  error: () => FleetError | undefined;
};

export type RelayParts = { pool: string; signal: AbortSignal; counting?: Counting | undefined };

/** The answer as the client gets it. The replica's place is given back when a stream ends, otherwise at once. */
export function relay(answer: UpstreamAnswer, lease: Lease, parts: RelayParts): Dispatched {
  const { contentType, headers, rest, status, first } = answer;
  const common = { headers, revision: lease.revision };
  const whole = { usageText: () => undefined, pieces: () => 0, error: () => undefined };
  if (status < 200 || status >= 300) {
    const outcome = outcomeOf(answer);
    lease.release(outcome);
    const error = clientError(status, first, parts.pool);
    const body = Buffer.from(JSON.stringify(error.body));
    const told = { ...common, headers: { ...waitOf(outcome, headers), ...headers } };
    return { ...told, ...whole, status: error.status, contentType: 'application/json', body };
  }
  if (!rest) {
    lease.release(outcomeOf(answer));
    const usageText = (): string => Buffer.from(first.subarray(-usageBytes)).toString('utf8');
    return { ...common, ...whole, status, contentType, body: first, usageText };
  }
  lease.began();
  const events = new EventRelay(parts.counting);
  const ending: Ending = { error: undefined };
  return {
    ...common,
    status,
    contentType,
    body: byteStream({ first, rest, events, lease, ending, ...parts }),
    usageText: () => events.usageText,
    pieces: () => events.pieces,
    error: () => ending.error,
  };
}

/** Several clients try again only where they are told when, and each reads a header of its own. A date stays alone. */
function waitOf(outcome: Outcome, headers: Record<string, string>): Record<string, string> {
  if (outcome.kind !== 'busy') return {};
  if (outcome.retryAfterMs === undefined && headers['retry-after'] !== undefined) return {};
  return waitHeaders(outcome.retryAfterMs ?? busyMs.usual);
}

type Ending = { error: FleetError | undefined };
type StreamParts = RelayParts & {
  first: Uint8Array;
  rest: AsyncIterator<Uint8Array>;
  events: EventRelay;
  lease: Lease;
  ending: Ending;
};

/** A generator that was never begun runs no cleanup of its own. */
function byteStream(parts: StreamParts): ByteStream {
  const { lease, rest } = parts;
  const pieces = stream(parts);
  return {
    next: () => pieces.next(),
    return: async () => {
      lease.release({ kind: 'left' });
      await pieces.return();
      await rest.return?.();
    },
  };
}

async function* stream(parts: StreamParts): AsyncGenerator<Uint8Array, void, void> {
  const { first, rest, events, lease, pool, signal, ending } = parts;
  let outcome: Outcome = { kind: 'left' };
  try {
    for (let chunk = first; ;) {
      const whole = events.push(chunk);
      if (whole.length > 0) yield whole;
      if (events.finished) break;
      lease.awaits();
      const next = await rest.next();
      if (next.done) break;
      lease.heard();
      chunk = next.value;
    }
    if (!events.finished) throw brokeOff(pool);
  } catch (thrown) {
    // A stream that ends or breaks between its mark and the blank line behind it has brought everything.
    const end = signal.aborted ? nothing : events.end();
    if (end.length > 0) yield end;
    if (events.finished) return;
    ending.error = signal.aborted ? asFleetError(signal.reason) : failure(thrown, pool);
    if (!signal.aborted) outcome = { kind: 'broken' };
    // Nobody is there to read of it when the client has left.
    if (ending.error.code !== 'cancelled') yield errorChunk(ending.error);
  } finally {
    await letGo(parts, outcome);
  }
}

async function letGo({ lease, rest, events }: StreamParts, unfinished: Outcome): Promise<void> {
  lease.release(events.finished ? { kind: events.failed ? 'erred' : 'answered' } : unfinished);
  if (events.finished) void readOut(rest);
  else await rest.return?.();
}

const nothing = Buffer.alloc(0);

/** After its mark a stream has this long to end by itself. */
const readOutMs = 1_000;

/** The client has everything: nobody waits for what is left, which is the end of the body, so that its connection stays good. */
async function readOut(rest: AsyncIterator<Uint8Array>): Promise<void> {
  const late = setTimeout(() => void rest.return?.(), readOutMs).unref();
  try {
    while (!(await rest.next()).done);
  } catch {
    // Whether it ends well or not, the answer did.
  } finally {
    clearTimeout(late);
  }
}

const errorChunk = (error: FleetError): Uint8Array => Buffer.from(encodeSse(toOpenAiError(error)) + sseDone);
