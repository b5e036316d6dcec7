import type { Tier } from '@qwenfleet/core/fleet/tier';

export type Labels = Readonly<Record<string, string>>;

/** Selects everything that the operator makes; its caches hold nothing else. */
export const managedLabels: Labels = { 'app.kubernetes.io/managed-by': 'qwenfleet' };

export const poolLabel = 'qwenfleet.io/pool';
export const revisionLabel = 'qwenfleet.io/revision';
export const routerLabel = 'qwenfleet.io/router';
const tierLabel = 'qwenfleet.io/tier';

/** What every pod of a pool has, whatever its revision: its Service and /scale select by it. */
export const poolSelector = (pool: string): Labels => ({ [poolLabel]: pool });
export const routerSelector = (router: string): Labels => ({ [routerLabel]: router });

export const poolLabels = (pool: string, tier: Tier): Labels => ({
  ...managedLabels,
  'app.kubernetes.io/name': 'qwenfleet-runtime',
  'app.kubernetes.io/instance': pool,
  'app.kubernetes.io/component': 'pool',
  ...poolSelector(pool),
  [tierLabel]: tier,
});

export const routerLabels = (router: string): Labels => ({
  ...managedLabels,
  'app.kubernetes.io/name': 'qwenfleet-router',
  'app.kubernetes.io/instance': router,
  'app.kubernetes.io/component': 'router',
  ...routerSelector(router),
});

/** `a=b,c=d`, as status.selector wants it. */
export const selectorText = (labels: Labels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
