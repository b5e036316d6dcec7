import { cost } from './cost.ts';
import { fleet } from './fleet.ts';
import { dashboardJson } from './json.ts';
import { operator } from './operator.ts';
import type { Dashboard } from './panel.ts';
import { pool } from './pool.ts';
import { router } from './router.ts';

export const dashboards: readonly Dashboard[] = [fleet, pool, router, operator, cost];

/** Files that Grafana reads: path from the root of the repository to text. The chart brings them as ConfigMaps. */
export const generateDashboardFiles = (): Map<string, string> =>
  new Map(
    dashboards.map((each) => [
      `charts/qwenfleet/dashboards/${each.uid}.json`,
      `${JSON.stringify(dashboardJson(each), undefined, 2)}\n`,
    ]),
  );
