import { formatDuration } from './format.ts';
import { renderTable } from './table.ts';

export type ReplicaStatus = {
  id: string;
  pid?: number | undefined;
  state: string;
  url?: string | undefined;
  ageMs?: number | undefined;
  restarts?: number | undefined;
  progress?: { phase: string; done: number; total: number } | undefined;
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
  conditions?: readonly { type: string; status: string; message: string }[] | undefined;
  /** Of fleets elsewhere: why nothing of the pool answers. */
  problem?: string | undefined;
  replicas: readonly ReplicaStatus[];
};
export type FleetStatus = { url: string; pools: readonly PoolStatus[] };

/** Pools as a table of at most `width` columns, why some do not answer, what was decided last, and replicas if asked for. */
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
  const sections = [
    renderTable(columns, rows, width),
    troubles(pools),
    decisions(pools, width),
    wide ? replicas(pools, width) : '',
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** Whole sentences, so not in a table that would cut them. */
function troubles(pools: readonly PoolStatus[]): string {
  return pools
    .flatMap((pool) => {
      const why = whyNot(pool);
      return why === undefined ? [] : [`${pool.name}: ${why}`];
    })
    .join('\n');
}

/** How far a start is, or what is wrong; undefined for a pool that answers or rests. */
function whyNot({ conditions = [], problem, replicas: all }: PoolStatus): string | undefined {
  const progress = all.find((replica) => replica.progress)?.progress;
  if (progress) {
    const share = progress.total > 0 ? ` ${Math.floor((100 * progress.done) / progress.total)} %` : '';
    return `${progress.phase}${share}`;
  }
  return conditions.find(({ type, status }) => type === 'Ready' && status === 'False')?.message ?? problem;
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
