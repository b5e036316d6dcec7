import type { PoolLoad } from '@qwenfleet/core/load/pool-report';

/** What one router pod said last; undefined when it did not answer in time. */
export type RouterReport = Readonly<Record<string, PoolLoad>> | undefined;

/** What each router says of one pool, undefined for a silent one. One that does not know the pool has no load for it. */
export const loadsOf = (pool: string, reports: readonly RouterReport[]): (PoolLoad | undefined)[] =>
  reports.flatMap((report) => (report === undefined ? [undefined] : (report[pool] ?? [])));
