import { randomUUID } from 'node:crypto';
import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import {
  chatRequestSchema,
  completionRequestSchema,
  embeddingRequestSchema,
  parseRequest,
} from '@qwenfleet/core/openai/request';
import type { ModelEntry, ModelList } from '@qwenfleet/core/openai/response';
import { failSpan, type Span } from '@qwenfleet/core/telemetry/span';
import type { Context } from 'hono';
import type { z } from 'zod';
import { tracedEngine } from '../engine/traced.ts';
import type { Outcome, Ticket } from '../resident.ts';
import type { ServedEncoder, ServedGenerator, ServedModel } from '../served-model.ts';
import type { App } from './app.ts';
import type { Call } from './call.ts';
import { chatChunks, chatCompletion } from './chat-answer.ts';
import { chatSteps } from './chat.ts';
import { completionChunks, completionSteps, textCompletion } from './completions.ts';
import { embeddings } from './embeddings.ts';
import type { RuntimeService } from './service.ts';
import { streamChunks } from './stream.ts';

/** What a route makes of a request: an answer at once, or chunks of one. */
type Answer = { whole: Promise<object> } | { chunks: AsyncGenerator<unknown, void, void> };

/** OpenAI's routes: what is asked of the model, by the names that OpenAI gives it. */
export function addModelRoutes(app: App, service: RuntimeService): void {
  app.get('/v1/models', (c) => c.json(modelList(service)));
  app.post('/v1/chat/completions', (c) =>
    answered(c, { service, schema: chatRequestSchema, prefix: 'chatcmpl' }, (request, model, call) => {
      const steps = chatSteps(request, generator(model, request.model), call);
      if (request.stream === true) return { chunks: chatChunks(steps, request, call) };
      return { whole: chatCompletion(steps, request, call) };
    }),
  );
  app.post('/v1/completions', (c) =>
    answered(c, { service, schema: completionRequestSchema, prefix: 'cmpl' }, (request, model, call) => {
      const steps = completionSteps(request, generator(model, request.model), call);
      if (request.stream === true) return { chunks: completionChunks(steps, request, call) };
      return { whole: textCompletion(steps, request, call) };
    }),
  );
  app.post('/v1/embeddings', (c) =>
    answered(c, { service, schema: embeddingRequestSchema, prefix: 'embd' }, (request, model, call) => ({
      whole: embeddings(request, encoder(model, request.model), call.signal),
    })),
  );
}

type Route<S extends z.ZodType> = { service: RuntimeService; schema: S; prefix: string };

/** One request from its body to the end of its answer, counted once however it ends. */
async function answered<S extends z.ZodType<{ model: string }>>(
  c: Context,
  { service, schema, prefix }: Route<S>,
  respond: (request: z.infer<S>, model: ServedModel, call: Call) => Answer,
): Promise<Response> {
  const span = service.tracer.request('runtime.request', c.req.header('traceparent'));
  let end: Ticket['end'] = (outcome) => service.finished(outcome);
  try {
    const request = parseRequest(schema, await c.req.text());
    assertNamed(service, request.model);
    const name = isOwnName(service, request.model) ? service.servedName : request.model;
    end = (outcome) => service.finished(outcome, name);
    const ticket = service.admit(name);
    end = ticket.end;
    const { call, cancel } = callOf(c, service, { prefix, span });
    // A client may leave before anybody has read of its answer: nothing else would end the request.
    call.signal.addEventListener('abort', () => ticket.end('cancelled'), { once: true });
    span.set({ 'http.route': c.req.path, 'gen_ai.request.model': request.model });
    const answer = respond(request, traced(named(ticket.model, request.model, service), span, service), call);
    if ('chunks' in answer) return await streamChunks(ending(answer.chunks, ticket, { service, span }), cancel);
    const whole = await answer.whole;
    end('ok');
    span.end();
    return c.json(whole);
  } catch (error) {
    end(outcomeOf(error));
    failSpan(span, error);
    throw error;
  }
}

/** One signal from the socket to the engine's slot: it aborts when the client leaves. */
function callOf(
  c: Context,
  service: RuntimeService,
  { prefix, span }: { prefix: string; span: Span },
): { call: Call; cancel: () => void } {
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const id = `${prefix}-${randomUUID().replaceAll('-', '')}`;
  return { call: { id, signal, span, ...service.newCall() }, cancel: () => left.abort() };
}

/** The chunks as they are; their end is the end of the request. */
async function* ending<T>(
  chunks: AsyncGenerator<T, void, void>,
  ticket: Ticket,
  { service: { log }, span }: { service: RuntimeService; span: Span },
): AsyncGenerator<T, void, void> {
  let outcome: Outcome = 'cancelled';
  let begun = false;
  try {
    for await (const chunk of chunks) {
      begun = true;
      yield chunk;
    }
    outcome = 'ok';
  } catch (error) {
    outcome = outcomeOf(error);
    failSpan(span, error);
    // What fails before the first chunk is answered with a status, and logged there.
    if (begun && outcome === 'error') log.error({ err: error }, 'a stream failed on its way');
    throw error;
  } finally {
    ticket.end(outcome);
    span.end();
  }
}

const outcomeOf = (error: unknown): Outcome => (asFleetError(error).code === 'cancelled' ? 'cancelled' : 'error');

const isOwnName = ({ servedName }: RuntimeService, asked: string): boolean => asked === servedName || asked === 'auto';

function assertNamed(service: RuntimeService, asked: string): void {
  if (isOwnName(service, asked) || service.adapterNames.includes(asked)) return;
  throw notServed(service, asked);
}

const notServed = ({ servedName }: RuntimeService, asked: string): FleetError =>
  new FleetError('model_not_found', `model: "${asked}" is not served here; "${servedName}" is.`, { param: 'model' });

/** The model itself, or with the adapter of this name. */
function named(model: ServedModel, asked: string, service: RuntimeService): ServedModel {
  if (isOwnName(service, asked)) return model;
  const engine = model.task === 'generate' ? model.adapters?.engine(asked, model.engine) : undefined;
  if (model.task !== 'generate' || !engine) throw notServed(service, asked);
  return { ...model, engine };
}

/** What is not kept is not watched either: the engine itself is handed on. */
function traced(model: ServedModel, span: Span, { clock }: RuntimeService): ServedModel {
  if (!span.recording || model.task !== 'generate') return model;
  return { ...model, engine: tracedEngine(model.engine, span, clock) };
}

function generator(model: ServedModel, asked: string): ServedGenerator {
  if (model.task === 'generate') return model;
  throw new FleetError(
    'unsupported',
    `model: "${asked}" makes embeddings, not text. Ask for it at POST /v1/embeddings.`,
    { param: 'model' },
  );
}

function encoder(model: ServedModel, asked: string): ServedEncoder {
  if (model.task === 'embed') return model;
  throw new FleetError(
    'unsupported',
    `model: "${asked}" generates text, not embeddings. Ask for it at POST /v1/chat/completions.`,
    { param: 'model' },
  );
}

function modelList(service: RuntimeService): ModelList {
  const { loaded } = service;
  const { state } = service.report();
  const entry = (id: string): ModelEntry => ({
    id,
    object: 'model',
    created: Math.floor(service.startedEpochMs / 1000),
    owned_by: 'qwenfleet',
    status: state === 'ready' ? 'ready' : state === 'loading' ? 'starting' : 'unavailable',
    ...(state === 'ready' && loaded ? { context_length: loaded.shape.contextLength } : {}),
  });
  const parent = service.servedName;
  return { object: 'list', data: [entry(parent), ...service.adapterNames.map((name) => ({ ...entry(name), parent }))] };
}
