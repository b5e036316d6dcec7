// node operator/main.ts: the operator in a cluster. Its settings are in operator/config.ts.
import { systemClock } from '@qwenfleet/core/clock';
import { describeError } from '@qwenfleet/core/errors';
import { createLogger } from '@qwenfleet/core/log';
import { randomSeed, seededRng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { userAgentOf } from '@qwenfleet/kube/client/user-agent';
import { connect } from '@qwenfleet/kube/connection/connection';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { Discovery } from '@qwenfleet/kube/discovery/discovery';
import { LeaderElection } from '@qwenfleet/kube/lease/election';
import { leaseApi } from '@qwenfleet/kube/lease/lease';
import { readAdminKey } from './cluster/admin-key.ts';
import { ClusterOperator } from './cluster/operator.ts';
import { HealthServer } from './cluster/health-server.ts';
import { readOperatorConfig } from './config.ts';
import { PoolMetrics } from './pool-metrics.ts';
import packageJson from './package.json' with { type: 'json' };

/** Less than operators wait before they look for neighbours again, so that each look sees what is there. */
const discoveryFreshMs = 10_000;

const config = readOperatorConfig();
const log = createLogger('operator', config.logLevel);
const telemetry = new Telemetry('operator', { processMetrics: true });
const kubeTelemetry = new Telemetry('kube');
const environment = { clock: systemClock, rng: seededRng(randomSeed()), log, telemetry: kubeTelemetry };

const userAgent = userAgentOf('qwenfleet-operator', packageJson.version);
const connection = await connect(config.credentials, environment);
const writes = { perSecond: config.writesPerSecond, burst: config.writesPerSecond * 2 };
const client = KubeClient.over({ connection, writes, userAgent }, environment);
// A renewal must not wait behind other requests.
const leaseConnection = await connect(config.credentials, environment);
const leaseClient = KubeClient.over({ connection: leaseConnection, userAgent }, environment);

/** The namespace of what operators share. */
const home = config.leaseNamespace ?? connection.namespace;
const election = new LeaderElection(
  {
    name: 'qwenfleet-operator',
    identity: `${config.identity}-${randomSeed().toString(16)}`,
    lease: leaseApi(leaseClient, { namespace: home, name: 'qwenfleet-operator' }),
    onLost: (reason) => {
      log.error(describeError(reason));
      process.exit(1);
    },
  },
  environment,
);

const fenced = config.leaderElection ? client.withFence(election.fence) : client;
// One for all namespaces: they are served the same kinds.
const discovery = new Discovery(client, environment, { freshMs: discoveryFreshMs });
const operators = config.namespaces.map(
  (namespace) => new ClusterOperator({ client: fenced, namespace, discovery, config, environment, telemetry }),
);
const health = await HealthServer.start(config.metrics, {
  expose: async () => {
    PoolMetrics.reset(telemetry);
    for (const operator of operators) operator.measure();
    return [await telemetry.expose(), await kubeTelemetry.expose()];
  },
  silentMs: () => Math.max(...operators.map(({ silentMs }) => silentMs)),
});
log.info({ server: connection.server, namespaces: config.namespaces, metrics: health.url }, 'started');

let ending = false;
async function end(): Promise<void> {
  if (ending) process.exit(1);
  ending = true;
  health.notReady();
  await Promise.all(operators.map((operator) => operator.stop()));
  await election.stop();
  await Promise.all([connection.close(), leaseConnection.close(), health.stop()]);
  process.exit(0);
}
process.on('SIGTERM', () => void end());
process.on('SIGINT', () => void end());

for (const operator of operators) operator.start();
await Promise.all(operators.map(({ synced }) => synced));
health.ready();
if (config.leaderElection) {
  election.start();
  await election.elected.catch(() => undefined);
}
// What ends an operator before it leads has said so.
if (!ending) {
  const adminKey = await adminKeyIfAny();
  await Promise.all(operators.map((operator) => operator.lead({ adminKey }))).catch(() => undefined);
}

/** Pools are served without it: new weights come with new pods then. */
async function adminKeyIfAny(): Promise<string | undefined> {
  try {
    return await readAdminKey(fenced, home);
  } catch (err) {
    log.warn({ err, namespace: home }, 'no key to exchange weights in running engines with: new pods bring them');
    return undefined;
  }
}
