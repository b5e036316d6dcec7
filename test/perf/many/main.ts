// npm run bench:operator [-- --pools N] [--rate N | --burst] [--rest SECONDS] [--json]: a thousand pools of five replicas on a real control
// plane with fake nodes, then ten minutes in which nothing may be written. The full form is kept in docs/measurements.
import { parseArgs } from 'node:util';
import { Progress } from '@qwenfleet/cli/progress';
import { Terminal } from '@qwenfleet/cli/terminal';
import { clusterMissing } from '../../harness/cluster/cluster.ts';
import { promiseLines } from '../../promises/document.ts';
import { holds } from '../../promises/promise.ts';
import { record } from '../../promises/record.ts';
import { isCount, machine, refuse } from '../command.ts';
import { measureMany, type ManyReport } from './measure.ts';
import { renderMany } from './table.ts';
import { conditionsOf, valuesOf } from './verdicts.ts';

const full = { pools: 1_000, replicas: 5, namespaces: 20 };
const poolsPerNamespace = full.pools / full.namespaces;
/** A thousand pools in seventeen minutes: faster than any team adds them, and two cores bring up 1.7 a second at most. */
const fullPerSecond = 1;
const fullRestSeconds = 600;

const { values } = parseArgs({
  options: {
    pools: { type: 'string', default: String(full.pools) },
    rate: { type: 'string', default: String(fullPerSecond) },
    burst: { type: 'boolean', default: false },
    rest: { type: 'string', default: String(fullRestSeconds) },
    json: { type: 'boolean', default: false },
  },
});
const pools = Number(values.pools);
const restSeconds = Number(values.rest);
const perSecond = values.burst ? undefined : Number(values.rate);

if (!isCount(pools, 10_000)) refuse(`--pools ${values.pools} is no number from 1 to 10000`);
else if (!isCount(restSeconds, 86_400)) refuse(`--rest ${values.rest} is no number of seconds from 1 to 86400`);
else if (perSecond !== undefined && !isCount(perSecond, 1_000))
  refuse(`--rate ${values.rate} is no number of pools a second from 1 to 1000`);
else if ((await clusterMissing) !== undefined) process.exitCode = 1;
else await bench();

async function bench(): Promise<void> {
  const progress = new Progress(new Terminal(process));
  const report = await measureMany({
    size: { ...full, pools, namespaces: Math.ceil(pools / poolsPerNamespace) },
    restSeconds,
    perSecond,
    onProgress: (what, done, total) => progress.count(what, done, total),
  }).finally(() => progress.stop());
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, ...report }, null, 2)}\n`);
  else process.stdout.write(`${machine}\n${renderMany(report, promiseLines())}\n`);
  const found = valuesOf(report);
  if (pools === full.pools && !values.burst) keep(report, found);
  const broken = promiseLines().some(({ id, target }) => found[id] !== undefined && !holds(target, found[id]));
  if (broken) process.exitCode = 1;
}

function keep(report: ManyReport, found: Record<string, number>): void {
  const details = `${conditionsOf(report)}; ${machine}`;
  for (const [id, value] of Object.entries(found)) record(id, { value, details });
}
