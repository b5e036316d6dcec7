import { createHash, randomUUID } from 'node:crypto';
import { asFleetError, errorHeaders, FleetError, toOpenAiError } from '@qwenfleet/core/errors';
import {
  chatRequestSchema,
  completionRequestSchema,
  embeddingRequestSchema,
  parseRequest,
  type ChatRequest,
  type CompletionRequest,
} from '@qwenfleet/core/openai/request';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { clientOf } from '../admission/keys.ts';
import { playgroundPage } from '../playground/page.ts';
import type { PoolDecision } from '../policy/policy.ts';
import { embeddingPool, fallbackOf, route } from '../routing.ts';
import type { RouterService } from '../service.ts';
import type { UpstreamPool } from '../upstream/pool.ts';
import { answer, type Answering } from './answer.ts';
import { modelList, poolList } from './listing.ts';

type Variables = { requestId: string; startedMs: number };
type App = Hono<{ Variables: Variables }>;
type RouteContext = Context<{ Variables: Variables }>;

/** The router's routes: OpenAI's, what the fleet says of itself, and the playground. */
export function createApp(service: RouterService): App {
  const app: App = new Hono();
  app.use(async (c, next) => {
    c.set('requestId', requestIdOf(c.req.header('x-request-id')));
    c.set('startedMs', service.clock.nowMs());
    await next();
    c.res.headers.set('x-request-id', c.get('requestId'));
  });
  app.onError((thrown, c) => {
    const error = asFleetError(thrown);
    if (error.code === 'internal')
      service.log.error({ err: thrown, requestId: c.get('requestId') }, 'a request failed');
    return Response.json(toOpenAiError(error), { status: error.status, headers: errorHeaders(error) });
  });
  app.notFound((c) => {
    throw new FleetError(
      'not_found',
      `There is no ${c.req.method} ${c.req.path} here; POST /v1/chat/completions answers, and GET / is a page to try it.`,
    );
  });
  addHealth(app, service);
  addGuards(app, service);
  addListing(app, service);
  addAnswers(app, service);
  return app;
}

/** A client's own is kept when it is short and plain, so that it can be searched for in logs. */
const requestIdOf = (given: string | undefined): string =>
  given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();

function addHealth(app: App, service: RouterService): void {
  app.get('/', (c) => c.html(playgroundPage, 200, playgroundHeaders));
  app.get('/health/live', (c) => c.json({ status: 'ok' }));
  const ready = (c: RouteContext): Response => {
    if (service.draining) throw new FleetError('shutting_down', 'The router is stopping and takes no new requests.');
    if (!service.fleet.known) throw new FleetError('pool_unavailable', 'The router has not heard of any server yet.');
    return c.json({ status: 'ok' });
  };
  app.get('/health', ready);
  app.get('/health/ready', ready);
  app.get('/metrics', async () => {
    const { body, contentType } = await service.expose();
    return new Response(body, { headers: { 'content-type': contentType } });
  });
}

/** The page is one file: nothing from elsewhere is needed, so nothing is allowed. */
const playgroundHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

function addGuards(app: App, service: RouterService): void {
  const { keys, bodyBytesMax } = service.config;
  app.use('/v1/*', async (c, next) => {
    const key = /^Bearer\s+(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    clientOf(keys, key === undefined ? undefined : createHash('sha256').update(key).digest('hex'));
    if (service.draining)
      throw new FleetError('shutting_down', 'The router is stopping and takes no new requests. Try again.');
    await next();
  });
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: bodyBytesMax,
      onError: () => {
        throw new FleetError('body_too_large', `The request body is larger than ${bodyBytesMax} bytes. Send less.`);
      },
    }),
  );
}

function addListing(app: App, { fleet, config, startedEpochMs, policy }: RouterService): void {
  const list = () => modelList(fleet, startedEpochMs);
  app.get('/v1/models', (c) => c.json(list()));
  app.get('/v1/models/:id', (c) => {
    const id = c.req.param('id');
    const entry = list().data.find((model) => model.id === id);
    if (entry) return c.json(entry);
    throw new FleetError('model_not_found', `model: "${id}" is not served here. GET /v1/models lists what is.`, {
      param: 'model',
    });
  });
  app.get('/v1/pools', (c) => c.json(poolList(fleet)));
  app.post('/v1/route/explain', async (c) => {
    const request = parseRequest(chatRequestSchema, await c.req.text());
    const { pool, reason, words, confidence, pools, features } = route(request, fleet, {
      policy,
      objective: config.objective,
    }).decision;
    return c.json({ pool, reason, words, confidence, pools, features });
  });
}

function addAnswers(app: App, service: RouterService): void {
  app.post('/v1/chat/completions', async (c) =>
    generate(c, service, parseRequest(chatRequestSchema, await c.req.text())),
  );
  app.post('/v1/completions', async (c) =>
    generate(c, service, parseRequest(completionRequestSchema, await c.req.text())),
  );
  app.post('/v1/embeddings', async (c) => {
    const request = parseRequest(embeddingRequestSchema, await c.req.text());
    const pool = embeddingPool(request.model, service.fleet);
    const decision = { reason: 'named', confidence: 1 };
    return answer(service, answering(c, pool, { ...request, stream: false }, decision));
  });
}

async function generate(
  c: RouteContext,
  service: RouterService,
  request: ChatRequest | CompletionRequest,
): Promise<Response> {
  const { fleet, policy, config, telemetry } = service;
  const { pool, decision } = route(request, fleet, { policy, objective: config.objective });
  const isAuto = request.model === 'auto';
  if (isAuto) telemetry.count('routerDecisions', { pool: decision.pool, reason: decision.reason });
  try {
    return await answer(service, answering(c, pool, request, decision));
  } catch (error) {
    const fallback =
      isAuto && error instanceof FleetError && error.code === 'pool_unavailable' ? fallbackOf(pool, fleet) : undefined;
    if (!fallback) throw error;
    return answer(service, answering(c, fallback, request, { reason: 'fallback', confidence: 0 }));
  }
}

function answering(
  c: RouteContext,
  pool: UpstreamPool,
  request: { model: string; stream?: boolean | null | undefined },
  { reason, confidence }: Pick<PoolDecision, 'reason' | 'confidence'>,
): Answering {
  return {
    pool,
    path: c.req.path,
    request,
    reason,
    confidence,
    requestId: c.get('requestId'),
    startedMs: c.get('startedMs'),
    signal: c.req.raw.signal,
  };
}
