import { createHash, timingSafeEqual } from 'node:crypto';
import { FleetError } from '@qwenfleet/core/errors';
import { loadRequestSchema } from '@qwenfleet/core/load/status';
import { parseRequest } from '@qwenfleet/core/openai/request';
import type { Context } from 'hono';
import type { App } from './app.ts';
import type { RuntimeService } from './service.ts';

/** What changes a runtime while it runs, for this machine and for whoever has the token. */
export function addAdmin(app: App, service: RuntimeService): void {
  app.use('/admin/*', async (c, next) => {
    assertMayAsk(c, service.adminTokenSha256);
    await next();
  });
  app.get('/admin/status', (c) => c.json(service.status()));
  app.post('/admin/drain', (c) => {
    service.drain();
    return c.json({ status: 'draining' }, 202);
  });
  app.post('/admin/load', async (c) => {
    const { model, sameShape } = parseRequest(loadRequestSchema, await c.req.text());
    service.update(model, { sameShape });
    return c.json(service.status(), 202);
  });
}

/**
 * With the token from anywhere. Without one from this machine only, and not from a page in its browser, which any web
 * site can have send a request.
 */
export function assertMayAsk(c: Context, tokenSha256: string | undefined): void {
  const [, token] = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
  if (tokenSha256 !== undefined && token !== undefined && hasDigest(token, tokenSha256)) return;
  const ours = token === undefined && isLoopback(remoteAddressOf(c)) && c.req.header('origin') === undefined;
  if (ours) return;
  throw new FleetError(
    'forbidden',
    'Administration is for this machine itself, or for a bearer token whose digest is admin.tokenSha256 of the configuration.',
  );
}

/** In a time that tells nothing of where the two differ. */
function hasDigest(token: string, wanted: string): boolean {
  return timingSafeEqual(createHash('sha256').update(token).digest(), Buffer.from(wanted, 'hex'));
}

/** As Node's server has it; behind no server there is none. */
function remoteAddressOf(c: Context): string | undefined {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress;
}

const isLoopback = (address = ''): boolean => /^(::ffff:)?127(\.\d{1,3}){3}$|^::1$/.test(address);
