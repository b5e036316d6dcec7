import type { KeyScopes } from '@qwenfleet/core/fleet/client-key';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';
import { FleetError } from '@qwenfleet/core/errors';

/**
 * Throws `forbidden` unless the key is for the path. The path is the one by which the route is found, so that no other
 * spelling of it leads elsewhere.
 */
export function checkRoute({ routes }: KeyScopes, path: string): void {
  if (!routes || routes.some((route) => path === route || path.startsWith(`${route}/`))) return;
  throw new FleetError('forbidden', `This key is not for ${path}; it is for ${list(routes)}.`);
}

const list = (names: readonly string[]): string => names.join(', ') || 'nothing';

/** Is the key for the whole pool, so that `auto` may choose it? */
export const takesPool = ({ models }: KeyScopes, { name }: Pick<PoolConfig, 'name'>): boolean =>
  !models || models.includes(name);

/** May the key ask for the pool by this name? */
export const takesName = (scopes: KeyScopes, pool: Pick<PoolConfig, 'name'>, name: string): boolean =>
  takesPool(scopes, pool) || scopes.models?.includes(name) === true;

/** What is outside of a key's scope and what does not exist are the same to it. */
export const outOfScope = ({ models = [] }: KeyScopes, asked: string): FleetError =>
  new FleetError('forbidden', `model: this key may not ask for "${asked}"; it is for ${list(models)}.`, {
    param: 'model',
  });
