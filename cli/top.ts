import { formatDuration, formatFigure, formatShare } from './format.ts';
import { renderTable, type Column } from './table.ts';
import type { Pool, ReplicaRow } from './wire.ts';

/** One look at a fleet; undefined is what nobody can tell. */
export type TopView = {
  url: string;
  requestsPerSecond: number;
  costPerHour: number | undefined;
  pools: readonly TopPool[];
  replicas: readonly TopReplica[];
};
export type TopPool = {
  name: string;
  state: string;
  ready: number;
  desired: number;
  inFlight: number;
  held: number;
  requestsPerSecond: number;
  tokensPerSecond: number;
  ttftMsP95: number | undefined;
  /** Share of the KV cache that is taken, of all replicas together. */
  kvShare: number | undefined;
  /** What its replicas cost by the hour, in the currency of the hardware classes. */
  costPerHour: number | undefined;
};
export type TopReplica = {
  pool: string;
  id: string;
  state: string;
  inFlight: number;
  running: number | undefined;
  queued: number | undefined;
  slots: number | undefined;
  tokensPerSecond: number | undefined;
  kvShare: number | undefined;
};

/** What the router says of pools and of their servers, put together. */
export function topView(url: string, pools: readonly Pool[], replicas: readonly ReplicaRow[]): TopView {
  const rows = pools.map((pool) =>
    topPool(
      pool,
      replicas.filter((replica) => replica.pool === pool.name),
    ),
  );
  const costs = rows.flatMap(({ costPerHour }) => costPerHour ?? []);
  return {
    url,
    requestsPerSecond: rows.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0),
    costPerHour: costs.length === 0 ? undefined : costs.reduce((sum, cost) => sum + cost, 0),
    pools: rows,
    replicas: replicas.map(topReplica),
  };
}

function topPool(pool: Pool, replicas: readonly ReplicaRow[]): TopPool {
  const { name, status, ready, starting, desired, inFlight, held, price, answered } = pool;
  const lately = answered?.lately;
  const engines = replicas.flatMap(({ engine }) => engine ?? []);
  const written = engines.reduce((sum, { completionTokensPerSecond }) => sum + completionTokensPerSecond, 0);
  const tokensPerSecond = engines.length > 0 ? written : (lately?.tokensPerSecond ?? 0);
  return {
    name,
    state: status,
    ready,
    desired,
    inFlight,
    held,
    requestsPerSecond: lately?.requestsPerSecond ?? 0,
    tokensPerSecond,
    ttftMsP95: lately?.firstByteMsP95 ?? answered?.firstByteMsP95,
    kvShare: kvShareOf(engines),
    costPerHour: costOf(price, ready + starting, lately?.tokensPerSecond ?? 0),
  };
}

/** Replicas cost while they are there, whatever they do; a server elsewhere costs what it is asked. */
function costOf(
  { perReplicaHour, perMillionTokens }: Pool['price'],
  replicas: number,
  tokensPerSecond: number,
): number | undefined {
  if (perReplicaHour !== undefined) return perReplicaHour * replicas;
  return perMillionTokens === undefined ? undefined : (tokensPerSecond * 3600 * perMillionTokens) / 1e6;
}

function kvShareOf(engines: readonly { kvTokens: number; kvTokensMax: number }[]): number | undefined {
  const most = engines.reduce((sum, { kvTokensMax }) => sum + kvTokensMax, 0);
  return most === 0 ? undefined : engines.reduce((sum, { kvTokens }) => sum + kvTokens, 0) / most;
}

const topReplica = ({ pool, id, state, inFlight, engine }: ReplicaRow): TopReplica => ({
  pool,
  id,
  state,
  inFlight,
  running: engine?.running,
  queued: engine?.queued,
  slots: engine?.slots,
  tokensPerSecond: engine?.completionTokensPerSecond,
  kvShare: engine && kvShareOf([engine]),
});

const figure = (title: string): Column => ({ title, align: 'right' });
const poolColumns: readonly Column[] = [
  { title: 'POOL', flexible: true },
  { title: 'STATE' },
  ...['READY', 'RUN', 'WAIT', 'REQ/S', 'TOK/S', 'TTFT', 'KV', 'COST/H'].map(figure),
];
const replicaColumns: readonly Column[] = [
  { title: 'REPLICA', flexible: true },
  { title: 'STATE' },
  ...['SENT', 'RUN', 'QUEUED', 'SLOTS', 'TOK/S', 'KV'].map(figure),
];

const nothing = '-';
const shown = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined ? nothing : format(value);
function perSecond(value: number): string {
  if (value >= 1e6) return `${formatFigure(value / 1e6)}M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)}k`;
  return value >= 100 ? String(Math.round(value)) : formatFigure(value);
}

/** Both tables and a line of totals, no wider than asked. */
export function renderTop({ url, requestsPerSecond, costPerHour, pools, replicas }: TopView, width: number): string {
  const poolRows = pools.map((pool) => [
    pool.name,
    // The longest of them, and columns are many.
    pool.state.replace('scaled-to-zero', 'at zero'),
    `${pool.ready}/${pool.desired}`,
    String(pool.inFlight),
    String(pool.held),
    perSecond(pool.requestsPerSecond),
    perSecond(pool.tokensPerSecond),
    shown(pool.ttftMsP95, formatDuration),
    shown(pool.kvShare, formatShare),
    shown(pool.costPerHour, (cost) => cost.toFixed(2)),
  ]);
  const replicaRows = replicas.map((replica) => [
    replica.id,
    replica.state,
    String(replica.inFlight),
    shown(replica.running, String),
    shown(replica.queued, String),
    shown(replica.slots, String),
    shown(replica.tokensPerSecond, perSecond),
    shown(replica.kvShare, formatShare),
  ]);
  const totals = [
    url,
    `${perSecond(requestsPerSecond)} requests/s`,
    ...(costPerHour === undefined ? [] : [`${costPerHour.toFixed(2)} an hour`]),
  ].join('   ');
  return [
    totals.slice(0, width),
    renderTable(poolColumns, poolRows, width),
    replicas.length === 0 ? 'No replica runs.' : renderTable(replicaColumns, replicaRows, width),
  ].join('\n\n');
}
