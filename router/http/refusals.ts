import { asFleetError } from '@qwenfleet/core/errors';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { RouteContext } from './context.ts';
import { publicPaths, withoutSlash } from './guards.ts';

/** What clients may ask for; any other path is counted as `other`, or whoever tries paths would make series. */
const routes: ReadonlySet<string> = new Set([
  'chat/completions',
  'completions',
  'responses',
  'embeddings',
  'models',
  'pools',
  'replicas',
  'route/explain',
]);

/** Counts a request that was refused before a pool had it. */
export function countRefusal(c: RouteContext, telemetry: Telemetry): void {
  const path = withoutSlash(c.req.path);
  if (!c.error || c.get('taken') || publicPaths.has(path)) return;
  const { code, status } = asFleetError(c.error);
  telemetry.count('routerRefusals', { route: routeOf(path), code, status: String(status) });
}

function routeOf(path: string): string {
  const name = path.replace(/^\/v1\//, '');
  const known = name.startsWith('models/') ? 'models' : name;
  return path.startsWith('/v1/') && routes.has(known) ? known : 'other';
}
