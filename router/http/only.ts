import { FleetError } from '@qwenfleet/core/errors';
import type { Handler } from 'hono';
import type { App, Env } from './context.ts';
import { errorResponse } from './error-response.ts';

/** Serves one method at a path. OPTIONS says which, and any other method is told so. */
export function only(app: App, method: 'GET' | 'POST', path: string, handler: Handler<Env>): void {
  const allow = method === 'GET' ? 'GET, HEAD, OPTIONS' : `${method}, OPTIONS`;
  app.on(method, path, handler);
  app.options(path, (c) => c.body(null, 204, { allow }));
  app.all(path, (c) => {
    const message = `${c.req.method} is not possible at ${c.req.path}. Use ${method}.`;
    const error = new FleetError('method_not_allowed', message);
    c.error = error;
    return errorResponse(error, { allow });
  });
}
