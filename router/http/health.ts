import { FleetError } from '@qwenfleet/core/errors';
import type { RouterLoad } from '@qwenfleet/core/load/pool-report';
import { playgroundPage } from '../playground/page.ts';
import type { RouterService } from '../service.ts';
import type { App, RouteContext } from './context.ts';
import { only } from './only.ts';

/** What anybody may ask: the playground, whether the router lives and is ready, its metrics, its load. */
export function addHealth(app: App, service: RouterService): void {
  only(app, 'GET', '/', (c) => c.html(playgroundPage, 200, playgroundHeaders));
  only(app, 'GET', '/health/live', (c) => c.json({ status: 'ok' }));
  const ready = (c: RouteContext): Response => {
    if (service.leaving) throw new FleetError('shutting_down', 'The router is stopping and takes no new requests.');
    if (!service.fleet.known) throw new FleetError('pool_unavailable', 'The router has not heard of any server yet.');
    return c.json({ status: 'ok' });
  };
  only(app, 'GET', '/health', ready);
  only(app, 'GET', '/health/ready', ready);
  only(app, 'GET', '/load', (c) => c.json({ pools: service.fleet.reports() } satisfies RouterLoad));
  only(app, 'GET', '/metrics', async () => {
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
