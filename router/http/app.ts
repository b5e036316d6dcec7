import { randomUUID } from 'node:crypto';
import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import { failSpan, noSpan } from '@qwenfleet/core/telemetry/span';
import { Hono } from 'hono';
import type { RouterService } from '../service.ts';
import type { App, Env } from './context.ts';
import { errorResponse } from './error-response.ts';
import { addCors, addGuards } from './guards.ts';
import { addHealth } from './health.ts';
import { countRefusal } from './refusals.ts';
import { addAnswers, addListing } from './routes.ts';

/** The router's routes: OpenAI's, what the fleet says of itself, and the playground. A slash at the end is ignored. */
export function createApp(service: RouterService): App {
  const app: App = new Hono<Env>({ strict: false });
  app.use(async (c, next) => {
    c.set('requestId', requestIdOf(c.req.header('x-request-id')));
    c.set('startedMs', service.clock.nowMs());
    c.set('taken', false);
    const span =
      c.req.method === 'POST' ? service.tracer.request('router.request', c.req.header('traceparent')) : noSpan;
    c.set('span', span);
    await next();
    countRefusal(c, service.telemetry);
    // What a pool answers ends with its last byte.
    if (c.error) failSpan(span, c.error);
    else if (!c.get('taken')) span.end();
    c.res.headers.set('x-request-id', c.get('requestId'));
    // Whoever keeps the connection should find another router for the next request.
    if (service.leaving) c.res.headers.set('connection', 'close');
  });
  app.onError((thrown, c) => {
    const error = asFleetError(thrown);
    if (error.code === 'internal')
      service.log.error({ err: thrown, requestId: c.get('requestId') }, 'a request failed');
    return errorResponse(error);
  });
  app.notFound((c) => {
    throw new FleetError(
      'not_found',
      `There is no ${c.req.method} ${c.req.path} here; POST /v1/chat/completions answers, and GET / is a page to try it.`,
    );
  });
  addCors(app, service);
  addGuards(app, service);
  addHealth(app, service);
  addListing(app, service);
  addAnswers(app, service);
  return app;
}

/** A client's own is kept when it is short and plain, so that it can be searched for in logs. */
const requestIdOf = (given: string | undefined): string =>
  given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
