import { asFleetError } from '@qwenfleet/core/errors';
import { dispatch, type Dispatched } from '../upstream/dispatch.ts';
import type { UpstreamPool } from '../upstream/pool.ts';
import type { RouterService } from '../service.ts';

export type Answering = {
  pool: UpstreamPool;
  path: string;
  request: { model: string; stream?: boolean | null | undefined };
  reason: string;
  confidence: number;
  requestId: string;
  startedMs: number;
  /** Aborts when the client leaves. */
  signal: AbortSignal;
};

/** Has a pool answer and hands its bytes on, with what was decided in the headers. */
export async function answer(service: RouterService, asked: Answering): Promise<Response> {
  const { pool, path, request, requestId } = asked;
  const { clock, telemetry, config } = service;
  const route = path.replace(/^\/v1\//, '');
  const name = pool.config.name;
  const overheadMs = clock.nowMs() - asked.startedMs;
  telemetry.observe('routerOverheadSeconds', { route }, overheadMs / 1000);
  const flight = service.begin(asked.signal);
  const over = (status: string): void => {
    flight.end();
    telemetry.count('routerRequests', { pool: name, route, status });
    telemetry.observe('routerRequestSeconds', { pool: name, route }, (clock.nowMs() - asked.startedMs) / 1000);
  };
  let dispatched: Dispatched;
  try {
    dispatched = await dispatch(
      pool,
      {
        path,
        body: JSON.stringify({ ...request, model: pool.config.upstreamModel }),
        stream: request.stream === true,
        requestId,
        signal: flight.signal,
      },
      {
        attemptsMax: config.retry.attemptsMax,
        agent: service.agent,
        onRetry: (cause) => telemetry.count('routerRetries', { pool: name, cause }),
      },
    );
  } catch (error) {
    over(String(asFleetError(error).status));
    throw error;
  }
  telemetry.observe('routerFirstByteSeconds', { pool: name, route }, (clock.nowMs() - asked.startedMs) / 1000);
  const headers = {
    ...dispatched.headers,
    'content-type': dispatched.contentType,
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
    'x-qwenfleet-pool': name,
    'x-qwenfleet-decision': asked.reason,
    'x-qwenfleet-confidence': String(asked.confidence),
    'x-qwenfleet-overhead-ms': overheadMs.toFixed(2),
  };
  const finish = (): void => {
    countTokens(service, name, dispatched.usageText());
    over(String(dispatched.status));
  };
  return new Response(toStream(dispatched, finish), { status: dispatched.status, headers });
}

/** Pulls only as fast as the client reads; leaving early ends the upstream's answer. */
function toStream({ body }: Dispatched, finish: () => void): ReadableStream<Uint8Array> {
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

function countTokens({ telemetry }: RouterService, pool: string, text: string | undefined): void {
  for (const type of ['prompt', 'completion'] as const) {
    const count = new RegExp(`"${type}_tokens":\\s*(\\d+)`).exec(text ?? '')?.[1];
    if (count !== undefined) telemetry.count('routerTokens', { pool, type }, Number(count));
  }
}
