import { FleetError } from '@qwenfleet/core/errors';
import {
  chatRequestSchema,
  completionRequestSchema,
  embeddingRequestSchema,
  parseRequest,
} from '@qwenfleet/core/openai/request';
import type { z } from 'zod';
import { embeddingPool, route } from '../routing.ts';
import type { RouterService } from '../service.ts';
import { rawMembers } from '../upstream/request-body.ts';
import { answer, answerAuto, type AnswerPath, type Asked } from './answer.ts';
import { readBody } from './body.ts';
import type { App, RouteContext } from './context.ts';
import { modelList, poolList } from './listing.ts';
import { only } from './only.ts';

/** What the fleet says of itself. */
export function addListing(app: App, service: RouterService): void {
  const { fleet, startedEpochMs } = service;
  const list = () => modelList(fleet, startedEpochMs);
  only(app, 'GET', '/v1/models', (c) => c.json(list()));
  // Names of models have slashes in them: Qwen/Qwen3-8B.
  only(app, 'GET', '/v1/models/:id{.+}', (c) => {
    const id = (c.req.param('id') ?? '').replace(/\/$/, '');
    const entry = list().data.find((model) => model.id === id);
    if (entry) return c.json(entry);
    throw new FleetError('model_not_found', `model: "${id}" is not served here. GET /v1/models lists what is.`, {
      param: 'model',
    });
  });
  only(app, 'GET', '/v1/pools', (c) => c.json(poolList(fleet)));
  only(app, 'POST', '/v1/route/explain', async (c) => {
    const request = parseRequest(chatRequestSchema, await readBody(c.env.incoming, service.config.bodyBytesMax));
    const { objective } = service.config;
    const decided = route(request, fleet, { policy: service.policy, objective }).decision;
    const { pool, reason, words, confidence, pools, features } = decided;
    return c.json({ pool, reason, words, confidence, pools, features });
  });
}

/** What pools answer. */
export function addAnswers(app: App, service: RouterService): void {
  addGenerating(app, service, '/v1/chat/completions', chatRequestSchema);
  addGenerating(app, service, '/v1/completions', completionRequestSchema);
  only(app, 'POST', '/v1/embeddings', async (c) => {
    const { request, asked } = await read(c, service, { path: '/v1/embeddings', schema: embeddingRequestSchema });
    const pool = embeddingPool(request.model, service.fleet);
    return answer(service, asked, { pool, decision: { reason: 'named', confidence: 1 } });
  });
}

function addGenerating(
  app: App,
  service: RouterService,
  path: AnswerPath,
  schema: typeof chatRequestSchema | typeof completionRequestSchema,
): void {
  const { fleet, policy, telemetry } = service;
  only(app, 'POST', path, async (c) => {
    const { request, asked } = await read(c, service, { path, schema });
    const { pool, decision } = route(request, fleet, { policy, objective: service.config.objective });
    const ready = { ...asked, stream: request.stream === true };
    if (request.model !== 'auto') return answer(service, ready, { pool, decision });
    telemetry.count('routerDecisions', { pool: decision.pool, reason: decision.reason });
    return answerAuto(service, ready, { request, choice: { pool, decision } });
  });
}

/** Reads and checks a request once. What goes on to the pool is what the client wrote. */
async function read<T extends z.ZodType>(
  c: RouteContext,
  service: RouterService,
  { path, schema }: { path: AnswerPath; schema: T },
): Promise<{ request: z.infer<T>; asked: Asked }> {
  const text = await readBody(c.env.incoming, service.config.bodyBytesMax);
  const request = parseRequest(schema, text);
  const asked = {
    path,
    members: rawMembers(text),
    bytes: Buffer.byteLength(text),
    stream: false,
    requestId: c.get('requestId'),
    startedMs: c.get('startedMs'),
    header: (name: string) => c.req.header(name),
    signal: c.req.raw.signal,
  };
  return { request, asked };
}
