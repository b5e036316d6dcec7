import { randomUUID } from 'node:crypto';
import { asFleetError, errorHeaders, FleetError, toOpenAiError } from '@qwenfleet/core/errors';
import type { LoadReport } from '@qwenfleet/core/load/report';
import type { Logger } from '@qwenfleet/core/log';
import {
  chatRequestSchema,
  completionRequestSchema,
  embeddingRequestSchema,
  parseRequest,
} from '@qwenfleet/core/openai/request';
import type { ModelList } from '@qwenfleet/core/openai/response';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ServedEncoder, ServedGenerator, ServedModel } from '../served-model.ts';
import type { Call } from './call.ts';
import { chatChunks, chatCompletion, chatSteps } from './chat.ts';
import { completionChunks, completionSteps, textCompletion } from './completions.ts';
import { embeddings } from './embeddings.ts';
import { streamChunks } from './stream.ts';

/** The runtime as its routes see it. */
export type RuntimeService = {
  readonly servedName: string;
  readonly bodyBytesMax: number;
  readonly telemetry: Telemetry;
  readonly log: Logger;
  readonly startedEpochMs: number;
  /** Throws `model_loading` or `shutting_down` while there is none to serve. */
  model(): ServedModel;
  report(): LoadReport;
  /** Exercises the engine. Throws when it does not turn. */
  check(): Promise<void>;
  drain(): void;
  newCall(): Pick<Call, 'created' | 'seed'>;
  finished(outcome: 'ok' | 'error' | 'cancelled'): void;
};

type App = Hono<{ Variables: { requestId: string } }>;

/** The routes of one runtime: OpenAI's subset, health, the load report, metrics and administration. */
export function createApp(service: RuntimeService): App {
  const app: App = new Hono();
  app.use(async (c, next) => {
    c.set('requestId', c.req.header('x-request-id') ?? randomUUID());
    await next();
    c.res.headers.set('x-request-id', c.get('requestId'));
  });
  app.onError((thrown, c) => {
    const error = asFleetError(thrown);
    if (error.code === 'internal')
      service.log.error({ err: thrown, requestId: c.get('requestId') }, 'a request failed');
    service.finished(error.code === 'cancelled' ? 'cancelled' : 'error');
    return Response.json(toOpenAiError(error), { status: error.status, headers: errorHeaders(error) });
  });
  app.notFound((c) => {
    throw new FleetError(
      'not_found',
      `There is no ${c.req.method} ${c.req.path} here; POST /v1/chat/completions answers.`,
    );
  });
  addHealth(app, service);
  addModelRoutes(app, service);
  return app;
}

function addHealth(app: App, service: RuntimeService): void {
  app.get('/health/live', (c) => c.json({ status: 'ok' }));
  const ready = async (c: Context): Promise<Response> => {
    await service.check();
    return c.json({ status: 'ok', model: service.servedName });
  };
  app.get('/health', ready);
  app.get('/health/ready', ready);
  app.get('/load', (c) => c.json(service.report()));
  app.get('/metrics', async () => {
    const { body, contentType } = await service.telemetry.expose();
    return new Response(body, { headers: { 'content-type': contentType } });
  });
  app.post('/admin/drain', (c) => {
    service.drain();
    return c.json({ status: 'draining' }, 202);
  });
}

function addModelRoutes(app: App, service: RuntimeService): void {
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: service.bodyBytesMax,
      onError: () => {
        throw new FleetError(
          'body_too_large',
          `The request body is larger than ${service.bodyBytesMax} bytes. Send less.`,
        );
      },
    }),
  );
  app.get('/v1/models', (c) => c.json(modelList(service)));
  app.post('/v1/chat/completions', async (c) => {
    const request = parseRequest(chatRequestSchema, await c.req.text());
    const { call, cancel } = callOf(c, service, 'chatcmpl');
    const steps = chatSteps(request, generator(service, request.model), call);
    if (request.stream === true) return streamChunks(counted(chatChunks(steps, request, call), service), cancel);
    const whole = await chatCompletion(steps, request, call);
    service.finished('ok');
    return c.json(whole);
  });
  app.post('/v1/completions', async (c) => {
    const request = parseRequest(completionRequestSchema, await c.req.text());
    const { call, cancel } = callOf(c, service, 'cmpl');
    const steps = completionSteps(request, generator(service, request.model), call);
    if (request.stream === true) return streamChunks(counted(completionChunks(steps, request, call), service), cancel);
    const whole = await textCompletion(steps, request, call);
    service.finished('ok');
    return c.json(whole);
  });
  app.post('/v1/embeddings', async (c) => {
    const request = parseRequest(embeddingRequestSchema, await c.req.text());
    const vectors = await embeddings(request, encoder(service, request.model), c.req.raw.signal);
    service.finished('ok');
    return c.json(vectors);
  });
}

/** One signal from the socket to the engine's slot: it aborts when the client leaves. */
function callOf(c: Context, service: RuntimeService, prefix: string): { call: Call; cancel: () => void } {
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const id = `${prefix}-${randomUUID().replaceAll('-', '')}`;
  return { call: { id, signal, ...service.newCall() }, cancel: () => left.abort() };
}

async function* counted<T>(
  chunks: AsyncGenerator<T, void, void>,
  service: RuntimeService,
): AsyncGenerator<T, void, void> {
  let outcome: Parameters<RuntimeService['finished']>[0] = 'cancelled';
  try {
    yield* chunks;
    outcome = 'ok';
  } catch (error) {
    outcome = asFleetError(error).code === 'cancelled' ? 'cancelled' : 'error';
    throw error;
  } finally {
    service.finished(outcome);
  }
}

function generator(service: RuntimeService, asked: string): ServedGenerator {
  const model = named(service, asked);
  if (model.task === 'generate') return model;
  throw new FleetError(
    'unsupported',
    `model: "${asked}" makes embeddings, not text. Ask for it at POST /v1/embeddings.`,
    { param: 'model' },
  );
}

function encoder(service: RuntimeService, asked: string): ServedEncoder {
  const model = named(service, asked);
  if (model.task === 'embed') return model;
  throw new FleetError(
    'unsupported',
    `model: "${asked}" generates text, not embeddings. Ask for it at POST /v1/chat/completions.`,
    {
      param: 'model',
    },
  );
}

function named(service: RuntimeService, asked: string): ServedModel {
  const model = service.model();
  if (asked === service.servedName || asked === 'auto') return model;
  throw new FleetError('model_not_found', `model: "${asked}" is not served here; "${service.servedName}" is.`, {
    param: 'model',
  });
}

function modelList(service: RuntimeService): ModelList {
  const { state } = service.report();
  return {
    object: 'list',
    data: [
      {
        id: service.servedName,
        object: 'model',
        created: Math.floor(service.startedEpochMs / 1000),
        owned_by: 'qwenfleet',
        status: state === 'ready' ? 'ready' : state === 'loading' ? 'starting' : 'unavailable',
        ...(state === 'ready' ? { context_length: service.model().contextLength } : {}),
      },
    ],
  };
}
