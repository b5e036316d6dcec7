import { createHash } from 'node:crypto';
import { FleetError } from '@qwenfleet/core/errors';
import { cors } from 'hono/cors';
import { checkRoute } from '../admission/scope.ts';
import type { RouterService } from '../service.ts';
import type { App } from './context.ts';

/** What anybody may see: a page, whether the router lives, and numbers without prompts or keys in them. */
export const publicPaths: ReadonlySet<string> = new Set([
  '/',
  '/health',
  '/health/live',
  '/health/ready',
  '/metrics',
  '/load',
]);

export const withoutSlash = (path: string): string => path.replace(/\/+$/, '') || '/';

/** Everything that is not public asks for a key, also what does not exist, and nothing new begins while draining. */
export function addGuards(app: App, service: RouterService): void {
  app.use(async (c, next) => {
    if (c.req.method === 'OPTIONS' || publicPaths.has(withoutSlash(c.req.path))) return next();
    const key = /^Bearer\s+(\S+)\s*$/i.exec(c.req.header('authorization') ?? '')?.[1];
    const digest = key === undefined ? undefined : createHash('sha256').update(key).digest('hex');
    const client = service.keys.admit(digest, service.clock.epochMs());
    if (client?.scopes) checkRoute(client.scopes, withoutSlash(c.req.path));
    c.set('key', client);
    c.set('fleet', service.fleetFor(client));
    if (service.draining)
      throw new FleetError('shutting_down', 'The router is stopping and takes no new requests. Try again.');
    await next();
    if (!client?.quota) return;
    const limits = service.meters.of(client)?.headers(client.quota, service.clock.nowMs());
    for (const [name, value] of Object.entries(limits ?? {})) c.res.headers.set(name, value);
  });
}

/** Lets pages of the configured origins call the endpoint; pages of others cannot, which is what browsers do anyway. */
export function addCors(app: App, service: RouterService): void {
  const exposeHeaders = ['pool', 'decision', 'confidence', 'revision'].map((name) => `x-qwenfleet-${name}`);
  const limitHeaders = ['limit', 'remaining', 'reset'].flatMap((what) =>
    ['requests', 'tokens'].map((of) => `x-ratelimit-${what}-${of}`),
  );
  const handler = cors({
    origin: (origin) => {
      const { origins } = service.config.cors;
      return origins.includes('*') || origins.includes(origin) ? origin : null;
    },
    allowMethods: ['GET', 'POST'],
    exposeHeaders: ['x-request-id', 'retry-after', 'retry-after-ms', ...exposeHeaders, ...limitHeaders],
    maxAge: 600,
  });
  app.use((c, next) => (service.config.cors.origins.length === 0 ? next() : handler(c, next)));
}
