import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import type { ClientKey } from '@qwenfleet/core/fleet/client-key';
import type { ChatRequest, CompletionRequest } from '@qwenfleet/core/openai/request';
import type { Span } from '@qwenfleet/core/telemetry/span';
import type { Affinity } from '../policy/affinity.ts';
import type { PoolDecision } from '../policy/policy.ts';
import { hasArms, type HeaderReader } from '../policy/canary/arms.ts';
import type { Charge } from '../admission/meter.ts';
import type { Fleet } from '../fleet-view.ts';
import { fallbackRoute } from '../routing.ts';
import type { Served } from '../service.ts';
import { dispatch } from '../upstream/dispatch.ts';
import type { Counting } from '../upstream/event-relay.ts';
import type { UpstreamPool } from '../upstream/pool.ts';
import type { ByteStream, Dispatched } from '../upstream/relay.ts';
import type { RawMembers } from '../upstream/request-body.ts';

/** A request that has been read and is to be answered. */
export type Asked = {
  path: AnswerPath;
  /** As it was written, for the pool. */
  members: RawMembers;
  bytes: number;
  stream: boolean;
  requestId: string;
  key: ClientKey | undefined;
  /** As the key sees it. */
  fleet: Fleet;
  /** Where the key has a quota. */
  metering?: Metering;
  startedMs: number;
  header: HeaderReader;
  affinity?: Affinity;
  /** Aborts when the client leaves. */
  signal: AbortSignal;
  /** A pool has it: from here on the pool's counters tell what becomes of it. */
  onTaken: () => void;
  span: Span;
};

export type Metering = Counting & {
  charge: Charge;
  /** Estimated, for answers that do not tell. */
  promptTokens: number;
};

export type AnswerPath = '/v1/chat/completions' | '/v1/completions' | '/v1/embeddings';

type Choice = { pool: UpstreamPool; decision: Pick<PoolDecision, 'reason' | 'confidence' | 'largeChoice'> };

/** Failures of a pool that another may not have. */
const failsOver = new Set(['pool_unavailable', 'upstream_failed', 'upstream_timeout']);

/** Answers a request for `auto`: when the chosen pool fails before its first byte, the next best one is asked. */
export async function answerAuto(
  service: Served,
  asked: Asked,
  { request, choice }: { request: ChatRequest | CompletionRequest; choice: Choice },
): Promise<Response> {
  const { config, clock } = service;
  service.decided(choice.decision);
  const failed: UpstreamPool[] = [];
  for (let next = choice; ;) {
    const outcome = await answer(service, asked, next).catch(asFleetError);
    const isFailure = outcome instanceof FleetError ? failsOver.has(outcome.code) : outcome.status >= 500;
    failed.push(next.pool);
    const inTime = clock.nowMs() - asked.startedMs < config.timeouts.totalMs;
    const other =
      isFailure &&
      inTime &&
      fallbackRoute(request, asked.fleet, { policy: service.policy, objective: service.objective, failed });
    if (other) next = other;
    else if (outcome instanceof FleetError) throw outcome;
    else return outcome;
  }
}

/** Has a pool answer and hands its bytes on, with what was decided in the headers. */
export async function answer(service: Served, asked: Asked, { pool, decision }: Choice): Promise<Response> {
  const { clock, telemetry, config } = service;
  asked.onTaken();
  const route = asked.path.replace('/v1/', '');
  const { name, weights } = pool.config;
  const sinceStartMs = (): number => clock.nowMs() - asked.startedMs;
  const overheadMs = sinceStartMs();
  telemetry.observe('routerOverheadSeconds', { route }, overheadMs / 1000);
  const flight = service.begin(asked.signal, asked.startedMs);
  const over = (status: number): void => {
    flight.end();
    telemetry.count('routerRequests', { pool: name, route, status: String(status) });
    telemetry.observe('routerRequestSeconds', { pool: name, route }, sinceStartMs() / 1000);
    pool.ledger.answered(status);
  };
  let dispatched: Dispatched;
  try {
    dispatched = await dispatch(
      pool,
      { ...asked, signal: flight.signal, counting: asked.metering },
      {
        config,
        agent: () => service.agent.current,
        clock,
        rng: service.rng,
        onRetry: (cause) => telemetry.count('routerRetries', { pool: name, cause }),
      },
    );
  } catch (error) {
    over(asFleetError(error).status);
    throw error;
  }
  telemetry.observe('routerFirstByteSeconds', { pool: name, route }, sinceStartMs() / 1000);
  pool.ledger.began(sinceStartMs());
  const headers = {
    ...headersOf(dispatched),
    'x-qwenfleet-pool': name,
    'x-qwenfleet-decision': decision.reason,
    'x-qwenfleet-confidence': String(decision.confidence),
    'x-qwenfleet-overhead-ms': overheadMs.toFixed(2),
    ...(hasArms(weights) && dispatched.revision !== undefined ? { 'x-qwenfleet-revision': dispatched.revision } : {}),
  };
  const finish = (): void => {
    const told = countTokens(service, pool, dispatched.usageText(), asked.span);
    if (asked.key && config.metrics?.clients) service.clientTokens.add(asked.key.id, name, told);
    if (asked.metering) settle(asked.metering, dispatched, told, clock.nowMs());
    const ended = endStatus(dispatched, flight.signal);
    over(ended);
    asked.span.set({
      'http.response.status_code': ended,
      'qwenfleet.pool': name,
      'qwenfleet.decision': decision.reason,
    });
    asked.span.end();
  };
  const { body, status } = dispatched;
  if (!(body instanceof Uint8Array)) return new Response(toStream(body, finish), { status, headers });
  finish();
  // Its memory is the process's own, whatever the type of a buffer in general allows.
  return new Response(body as Uint8Array<ArrayBuffer>, { status, headers });
}

/** The last one asks proxies in front of the router not to collect a stream before they pass it on. */
const headersOf = ({ headers, contentType }: Dispatched): Record<string, string> => ({
  ...headers,
  'content-type': contentType,
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
});

/** The status that the answer would have had, had its end been known at its beginning. */
function endStatus(dispatched: Dispatched, { aborted, reason }: AbortSignal): number {
  const error = dispatched.error() ?? (aborted ? asFleetError(reason) : undefined);
  return error?.status ?? dispatched.status;
}

/** Pulls only as fast as the client reads; leaving early ends the upstream's answer. */
function toStream(body: ByteStream, finish: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await body.next();
        if (!next.done) return controller.enqueue(next.value);
        controller.close();
        finish();
      },
      async cancel() {
        await body.return();
        finish();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Charges what was delivered: what the pool tells, or what came by when the answer was cut before it told. */
function settle({ charge, promptTokens }: Metering, dispatched: Dispatched, told: number, nowMs: number): void {
  if (dispatched.status >= 300) return;
  charge.deliver(told > 0 ? told : promptTokens + dispatched.pieces(), nowMs);
  if (!(dispatched.body instanceof Uint8Array)) charge.end();
}

const tokensAttribute = { prompt: 'gen_ai.usage.input_tokens', completion: 'gen_ai.usage.output_tokens' } as const;

/** What the pool tells, prompt and answer together; 0 when it tells nothing. */
function countTokens(
  { telemetry }: Served,
  { config, ledger }: UpstreamPool,
  text: string | undefined,
  span: Span,
): number {
  let sum = 0;
  for (const type of ['prompt', 'completion'] as const) {
    const count = new RegExp(`"${type}_tokens":\\s*(\\d+)`).exec(text ?? '')?.[1];
    if (count === undefined) continue;
    telemetry.count('routerTokens', { pool: config.name, type }, Number(count));
    ledger.wrote(type, Number(count));
    span.set({ [tokensAttribute[type]]: Number(count) });
    sum += Number(count);
  }
  return sum;
}
