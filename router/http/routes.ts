import { FleetError } from '@qwenfleet/core/errors';
import {
  chatRequestSchema,
  completionRequestSchema,
  embeddingRequestSchema,
  parseRequest,
  type ChatRequest,
  type CompletionRequest,
} from '@qwenfleet/core/openai/request';
import { failSpan } from '@qwenfleet/core/telemetry/span';
import type { z } from 'zod';
import { evidence } from '../policy/adaptive/evidence.ts';
import { responsesRequestSchema, toChat } from '../responses/request.ts';
import { affinityOf } from '../affinity.ts';
import { embeddingPool, route, scoredRequest, tokensOfBytes, type Route } from '../routing.ts';
import type { Served } from '../service.ts';
import { rawMembers } from '../upstream/request-body.ts';
import { answer, answerAuto, type AnswerPath, type Asked } from './answer.ts';
import { readBody } from './body.ts';
import type { App, RouteContext } from './context.ts';
import { keptAlive } from './keep-alive.ts';
import { modelList, poolList, replicaList } from './listing.ts';
import { metered, type Wanted } from './metered.ts';
import { only } from './only.ts';
import { asResponses } from './responses.ts';

/** What the fleet says of itself. */
export function addListing(app: App, service: Served): void {
  const list = (c: RouteContext) => modelList(c.get('fleet'), service.startedEpochMs);
  only(app, 'GET', '/v1/models', (c) => c.json(list(c)));
  // Names of models have slashes in them: Qwen/Qwen3-8B.
  only(app, 'GET', '/v1/models/:id{.+}', (c) => {
    const id = (c.req.param('id') ?? '').replace(/\/$/, '');
    const entry = list(c).data.find((model) => model.id === id);
    if (entry) return c.json(entry);
    throw new FleetError('model_not_found', `model: "${id}" is not served here. GET /v1/models lists what is.`, {
      param: 'model',
    });
  });
  only(app, 'GET', '/v1/pools', (c) => c.json(poolList(c.get('fleet'))));
  only(app, 'GET', '/v1/replicas', async (c) => c.json(await replicaList(c.get('fleet'), service.replicaLoads)));
  only(app, 'POST', '/v1/route/explain', async (c) => {
    const request = parseRequest(chatRequestSchema, await readBody(c.env.incoming, service.config.bodyBytesMax));
    const { decision } = route(request, c.get('fleet'), service);
    const { pool, reason, words, confidence, pools, features, costWeight } = decision;
    return c.json({ pool, reason, words, because: evidence(features), confidence, pools, features, costWeight });
  });
}

/** What pools answer. */
export function addAnswers(app: App, service: Served): void {
  addGenerating(app, service, '/v1/chat/completions', chatRequestSchema);
  addGenerating(app, service, '/v1/completions', completionRequestSchema);
  addResponses(app, service);
  only(app, 'POST', '/v1/embeddings', async (c) => {
    const { request, asked } = await read(c, service, { path: '/v1/embeddings', schema: embeddingRequestSchema });
    const pool = embeddingPool(request.model, asked.fleet);
    const wanted = () => ({ promptTokens: tokensOfBytes(asked.bytes), answerTokens: 0 });
    return metered(service, asked, wanted, (admitted) =>
      answer(service, admitted, { pool, decision: { reason: 'named', confidence: 1 } }),
    );
  });
}

function addGenerating(
  app: App,
  service: Served,
  path: AnswerPath,
  schema: typeof chatRequestSchema | typeof completionRequestSchema,
): void {
  only(app, 'POST', path, async (c) => {
    const { request, asked } = await read(c, service, { path, schema });
    return generate(service, { ...asked, stream: request.stream === true }, request);
  });
}

/** OpenAI's newer way to ask, answered by a chat. */
function addResponses(app: App, service: Served): void {
  only(app, 'POST', '/v1/responses', async (c) => {
    const path = '/v1/chat/completions';
    const { request, asked } = await read(c, service, { path, schema: responsesRequestSchema });
    const chat = toChat(request);
    const members = rawMembers(JSON.stringify(chat));
    return asResponses(request, await generate(service, { ...asked, members, stream: chat.stream === true }, chat));
  });
}

function generate(service: Served, taken: Asked, request: ChatRequest | CompletionRequest): Promise<Response> {
  const asked = { ...taken, affinity: affinityOf(request, taken, service.config.session) };
  const { telemetry } = service;
  const { model } = request;
  const { pool, decision } = routed(service, asked, request);
  if (model === 'auto') telemetry.count('routerDecisions', { pool: decision.pool, reason: decision.reason });
  const pending = metered(
    service,
    asked,
    () => wantedOf(request),
    (admitted) =>
      model === 'auto'
        ? answerAuto(service, admitted, { request, choice: { pool, decision } })
        : answer(service, admitted, { pool, decision }),
  );
  pending.catch((error: unknown) => failSpan(asked.span, error));
  const { stream, header } = asked;
  return keptAlive(pending, { stream, header, clock: service.clock, everyMs: pool.config.hold.keepAliveMs });
}

function routed(service: Served, { fleet, span }: Asked, request: ChatRequest | CompletionRequest): Route {
  const scoring = span.child('router.scoring');
  try {
    const found = route(request, fleet, service);
    scoring.set({ 'qwenfleet.pool': found.decision.pool, 'qwenfleet.decision': found.decision.reason });
    return found;
  } finally {
    scoring.end();
  }
}

function wantedOf(request: ChatRequest | CompletionRequest): Wanted {
  const { promptTokens, maxTokens = 0 } = scoredRequest(request);
  return { promptTokens, answerTokens: maxTokens * (request.n ?? 1), streamOptions: request.stream_options };
}

async function parsed<T extends z.ZodType>(
  c: RouteContext,
  { config }: Served,
  schema: T,
): Promise<{ text: string; request: z.infer<T> }> {
  const text = await readBody(c.env.incoming, config.bodyBytesMax);
  return { text, request: parseRequest(schema, text) };
}

/** Reads and checks a request once. What goes on to the pool is what the client wrote. */
async function read<T extends z.ZodType<{ model: string }>>(
  c: RouteContext,
  service: Served,
  { path, schema }: { path: AnswerPath; schema: T },
): Promise<{ request: z.infer<T>; asked: Asked }> {
  const span = c.get('span');
  const admission = span.child('router.admission');
  const { text, request } = await parsed(c, service, schema).finally(() => admission.end());
  span.set({ 'http.route': path, 'gen_ai.request.model': request.model, 'qwenfleet.request_id': c.get('requestId') });
  const asked = {
    path,
    members: rawMembers(text),
    bytes: Buffer.byteLength(text),
    stream: false,
    requestId: c.get('requestId'),
    key: c.get('key'),
    fleet: c.get('fleet'),
    startedMs: c.get('startedMs'),
    header: (name: string) => c.req.header(name),
    signal: c.req.raw.signal,
    onTaken: () => c.set('taken', true),
    span,
  };
  return { request, asked };
}
