// node router/main.ts: the router's process. Its parent sends the configuration and the endpoints over IPC.
import { systemClock } from '@qwenfleet/core/clock';
import { toChildSchema, type FromChild } from '@qwenfleet/core/fleet/channel';
import { createLogger } from '@qwenfleet/core/log';
import { createApp } from './http/app.ts';
import { listen } from './http/server.ts';
import { RouterService } from './service.ts';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';

/** How often the load is reported while it changes; a scaler that looks four times a second misses nothing. */
const reportEveryMs = 100;
/** And at least this often, so that idle times move on. */
const reportAtLeastEveryMs = 1_000;

if (process.send === undefined) {
  process.stderr.write('The router is started by "qwenfleet up", which tells it its pools.\n');
  process.exit(2);
}

const tell = (message: FromChild): void => {
  if (process.connected) process.send?.(message);
};

let service: RouterService | undefined;
let early: EndpointSnapshot | undefined;
let end = async (): Promise<void> => process.exit(0);

async function start(config: RouterConfig): Promise<void> {
  const log = createLogger('router', config.logLevel);
  const started = new RouterService({
    config,
    clock: systemClock,
    rng: Math.random,
    log,
    onWake: (pool) => {
      // The report first: whoever wakes the pool wants to know what it is for.
      tell({ type: 'load', pools: started.fleet.loads() });
      tell({ type: 'wake', pool });
    },
  });
  service = started;
  if (early) started.fleet.update(early);
  const server = await listen(createApp(started), config.listen).catch(cannotListen);
  log.info({ url: server.url, pools: config.pools.map(({ name }) => name) }, 'listening');
  tell({ type: 'listening', url: server.url });
  tell({ type: 'ready' });
  report(started);
  end = async () => {
    await started.drain();
    server.close();
    process.exit(0);
  };
}

/** The parent is told why before this process ends. */
function cannotListen(error: NodeJS.ErrnoException): Promise<never> {
  const message = `the router cannot listen: ${error.message}`;
  const said: FromChild = { type: 'failed', code: error.code ?? 'internal', message };
  return new Promise(() => process.send?.(said, () => process.exit(1)));
}

function report({ fleet, clock }: RouterService): void {
  let last = '';
  let lastMs = 0;
  setInterval(() => {
    const pools = fleet.loads();
    const counts = JSON.stringify(pools, (key, value: unknown) => (key === 'idleMs' ? undefined : value));
    const nowMs = clock.nowMs();
    if (counts === last && nowMs - lastMs < reportAtLeastEveryMs) return;
    last = counts;
    lastMs = nowMs;
    tell({ type: 'load', pools });
  }, reportEveryMs);
}

process.on('message', (message) => {
  const parsed = toChildSchema.safeParse(message);
  if (!parsed.success) return;
  const said = parsed.data;
  if (said.type === 'drain') void end();
  else if (said.type === 'endpoints') {
    if (service) service.fleet.update(said.snapshot);
    else early = said.snapshot;
  } else if (!service) void start(said.config);
});
process.on('SIGTERM', () => void end());
// Ctrl-C reaches the whole group of a terminal: the parent says when to stop.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
