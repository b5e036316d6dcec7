import type { FleetError } from '@qwenfleet/core/errors';
import type { Outcome } from '../upstream/outcome.ts';
import { relay } from '../upstream/relay.ts';
import { faultOf, type StreamCase } from './stream-fuzz.ts';

/** The stream as the router's own relay hands it on, without sockets. */
export async function relayed(
  given: StreamCase,
): Promise<{ out: Buffer; outcome: Outcome; error: FleetError | undefined }> {
  const [first = Buffer.alloc(0), ...others] = given.pieces;
  const outcomes: Outcome[] = [];
  const lease = {
    id: 'replica',
    url: 'http://replica',
    revision: undefined,
    began: () => undefined,
    awaits: () => undefined,
    heard: () => undefined,
    release: (outcome: Outcome) => void outcomes.push(outcome),
  };
  const answer = {
    status: 200,
    contentType: 'text/event-stream',
    headers: {},
    first,
    rest: piecesOf(others, given.end),
  };
  const { body, error } = relay(answer, lease, { pool: 'small', signal: new AbortController().signal });
  if (body instanceof Uint8Array) throw new Error('a stream was not relayed as one');
  const out: Uint8Array[] = [];
  for (let next = await body.next(); !next.done; next = await body.next()) out.push(next.value);
  const [outcome, ...more] = outcomes;
  if (!outcome || more.length > 0) throw new Error(`a place was given back ${outcomes.length} times`);
  return { out: Buffer.concat(out), outcome, error: error() };
}

/** What is wrong with how a stream was relayed; undefined when nothing is. */
export async function faultOfRelay(given: StreamCase): Promise<string | undefined> {
  const { out, outcome, error } = await relayed(given);
  const fault = faultOf(given, out);
  if (fault !== undefined) return fault;
  const isWhole = error === undefined;
  if (isWhole !== (outcome.kind !== 'broken'))
    return `it ended with ${error?.code}, and its replica was ${outcome.kind}`;
  return undefined;
}

async function* piecesOf(pieces: readonly Buffer[], end: StreamCase['end']): AsyncGenerator<Uint8Array, void> {
  yield* pieces;
  if (end === 'breaks') throw Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
}
