import { randomUUID } from 'node:crypto';
import { asFleetError, errorHeaders, FleetError, toOpenAiError } from '@qwenfleet/core/errors';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { addAdapterRoutes } from './adapter-routes.ts';
import { addAdmin } from './admin.ts';
import { addModelRoutes } from './model-routes.ts';
import type { RuntimeService } from './service.ts';

export type App = Hono<{ Variables: { requestId: string } }>;

const requestIdCharsMax = 200;

/** The routes of one runtime: OpenAI's subset, health, the load report, metrics and administration. */
export function createApp(service: RuntimeService): App {
  const app: App = new Hono();
  app.use(async (c, next) => {
    c.set('requestId', c.req.header('x-request-id')?.slice(0, requestIdCharsMax) ?? randomUUID());
    await next();
    c.res.headers.set('x-request-id', c.get('requestId'));
  });
  app.onError((thrown, c) => {
    const error = asFleetError(thrown);
    if (error.code === 'internal' || error.code === 'engine_failed')
      service.log.error({ err: thrown, requestId: c.get('requestId') }, 'a request failed');
    return Response.json(toOpenAiError(error), { status: error.status, headers: errorHeaders(error) });
  });
  app.notFound((c) => {
    throw new FleetError(
      'not_found',
      `There is no ${c.req.method} ${c.req.path} here; POST /v1/chat/completions answers.`,
    );
  });
  app.use(
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
  addHealth(app, service);
  addAdmin(app, service);
  addModelRoutes(app, service);
  addAdapterRoutes(app, service);
  return app;
}

function addHealth(app: App, service: RuntimeService): void {
  app.get('/health/live', (c) => {
    service.assertLive();
    return c.json({ status: 'ok' });
  });
  const ready = async (c: Context): Promise<Response> => {
    await service.assertReady();
    return c.json({ status: 'ok', model: service.servedName });
  };
  app.get('/health', ready);
  app.get('/health/ready', ready);
  app.get('/load', (c) => c.json(service.report()));
  app.get('/metrics', async () => {
    // Gauges are read when somebody looks.
    service.report();
    const { body, contentType } = await service.telemetry.expose();
    return new Response(body, { headers: { 'content-type': contentType } });
  });
}
