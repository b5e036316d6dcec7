import type { PoolLoad } from '@qwenfleet/core/load/pool-report';

/** What one router pod said last; undefined when it did not answer in time. */
export type RouterReport = Readonly<Record<string, PoolLoad>> | undefined;

/** The load of a pool over all routers. */
export type MergedLoad = {
  load: PoolLoad;
  /** False when a router is silent: what it has in flight is not known, so nothing may shrink on this. */
  complete: boolean;
};

/** Adds up what the routers say of a pool; undefined when none of them says anything. */
export function mergedLoad(pool: string, reports: readonly RouterReport[]): MergedLoad | undefined {
  const loads = reports.flatMap((report) => report?.[pool] ?? []);
  if (loads.length === 0) return undefined;
  const idles = loads.flatMap(({ idleMs }) => idleMs ?? []);
  const sum = (of: (load: PoolLoad) => number): number => loads.reduce((total, load) => total + of(load), 0);
  return {
    load: {
      inFlight: sum(({ inFlight }) => inFlight),
      held: sum(({ held }) => held),
      requestsTotal: sum(({ requestsTotal }) => requestsTotal),
      ...(idles.length === 0 ? {} : { idleMs: Math.min(...idles) }),
    },
    complete: reports.every((report) => report !== undefined),
  };
}
