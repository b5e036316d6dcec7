import { formatDuration } from './format.ts';
import { renderTable } from './table.ts';

export type ReplicaStatus = {
  id: string;
  pid?: number | undefined;
  state: string;
  url?: string | undefined;
  ageMs?: number | undefined;
  restarts?: number | undefined;
};
export type PoolStatus = {
  name: string;
  tier: string;
  model: string;
  status: string;
  ready: number;
  desired: number;
  inFlight: number;
  held: number;
  /** Known of fleets on this machine only. */
  restarts?: number | undefined;
  lastDecision?: string | undefined;
  replicas: readonly ReplicaStatus[];
};
export type FleetStatus = { url: string; pools: readonly PoolStatus[] };

/** Pools as a table of at most `width` columns, then what was decided last, then replicas when asked for. */
export function renderStatus({ pools }: FleetStatus, { wide, width }: { wide: boolean; width: number }): string {
  const columns = [
    { title: 'POOL' },
    { title: 'TIER' },
    { title: 'MODEL', flexible: true },
    { title: 'STATE' },
    { title: 'READY', align: 'right' as const },
    { title: 'RUN', align: 'right' as const },
    { title: 'HELD', align: 'right' as const },
    { title: 'RESTARTS', align: 'right' as const },
  ];
  const rows = pools.map((pool) => [
    pool.name,
    pool.tier,
    pool.model,
    pool.status,
    `${pool.ready}/${pool.desired}`,
    String(pool.inFlight),
    String(pool.held),
    pool.restarts === undefined ? '-' : String(pool.restarts),
  ]);
  const sections = [renderTable(columns, rows, width), decisions(pools, width), wide ? replicas(pools, width) : ''];
  return sections.filter((section) => section !== '').join('\n\n');
}

function decisions(pools: readonly PoolStatus[], width: number): string {
  const rows = pools.flatMap(({ name, lastDecision }) =>
    lastDecision === undefined || lastDecision === '' ? [] : [[name, lastDecision]],
  );
  if (rows.length === 0) return '';
  return renderTable([{ title: 'POOL' }, { title: 'LAST DECISION', flexible: true }], rows, width);
}

function replicas(pools: readonly PoolStatus[], width: number): string {
  const rows = pools.flatMap((pool) =>
    pool.replicas.map((replica) => [
      replica.id,
      replica.pid === undefined ? '-' : String(replica.pid),
      replica.state,
      replica.ageMs === undefined ? '-' : formatDuration(replica.ageMs),
      replica.url ?? '-',
    ]),
  );
  if (rows.length === 0) return 'No replica runs.';
  const columns = [
    { title: 'REPLICA', flexible: true },
    { title: 'PID', align: 'right' as const },
    { title: 'STATE' },
    { title: 'AGE', align: 'right' as const },
    { title: 'URL' },
  ];
  return renderTable(columns, rows, width);
}
