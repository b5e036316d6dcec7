import { deploymentLabel, routerLabel, seriesLabel, tierLabel } from '../specs/labels.ts';
import type { Pool } from './pool.ts';

/** Addresses with the labels of their series, as Prometheus' HTTP service discovery reads them. */
export type ScrapeTarget = { targets: string[]; labels: Record<string, string> };

export type Scraped = {
  namespace: string;
  router: { name: string; url: string | undefined };
  operatorUrl: string;
  pools: readonly Pick<Pool, 'name' | 'namespace' | 'plan' | 'replicas'>[];
};

/** Where the processes of a fleet tell their metrics, under the labels that monitors of a cluster give to pods. */
export function scrapeTargets({ namespace, router, operatorUrl, pools }: Scraped): ScrapeTarget[] {
  const of = (url: string, labels: Record<string, string>): ScrapeTarget => ({
    targets: [new URL(url).host],
    labels: { namespace, ...labels },
  });
  const replicas = pools.flatMap(({ name, plan, replicas: all, namespace: own }) =>
    all.flatMap(({ id, endpoint }) => {
      if (!endpoint) return [];
      const labels = { [seriesLabel(deploymentLabel)]: name, [seriesLabel(tierLabel)]: plan.resolved.tier };
      return [of(endpoint.url, { namespace: own, pod: id, ...labels })];
    }),
  );
  return [
    of(operatorUrl, { pod: 'operator' }),
    // It is gone for a moment while it is started again.
    ...(router.url ? [of(router.url, { pod: router.name, [seriesLabel(routerLabel)]: router.name })] : []),
    ...replicas,
  ];
}
