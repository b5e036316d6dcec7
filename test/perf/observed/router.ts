// node test/perf/observed/router.ts JSON: a router alone in its process, so that its CPU time is its own.
import { createHash } from 'node:crypto';
import { openTracer } from '@qwenfleet/core/telemetry/tracing';
import { startRouter } from '@qwenfleet/router/harness/router';
import { silentLogger } from '@qwenfleet/core/log';
import { keyOf, poolOf, type RouterAsked, type RouterSaid } from './asked.ts';

const asked = JSON.parse(process.argv[2] ?? '{}') as RouterAsked;
const tiers = ['small', 'medium', 'large'] as const;
const pools = Array.from({ length: asked.pools }, (_, index) => ({
  config: { name: poolOf(index), tier: tiers[index % tiers.length], concurrency: 64 },
  servers: [asked.upstream],
}));
const keys = Array.from({ length: asked.keys }, (_, index) => ({
  id: `client-${index}`,
  sha256: createHash('sha256').update(keyOf(index)).digest('hex'),
}));
const { url, service } = await startRouter(pools, { keys, metrics: { clients: true } });
if (!asked.metrics) {
  const nothing = (): void => undefined;
  Object.assign(service.telemetry, { count: nothing, observe: nothing, gauge: nothing });
}
const tracing = asked.tracing && { ...asked.tracing, headers: {} };
service.tracer = await openTracer(tracing, { service: 'qwenfleet-router', log: silentLogger });

const say = (said: RouterSaid): void => void process.send?.(said);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  say({ cpuMs: (user + system) / 1_000 });
});
process.on('disconnect', () => process.kill(process.pid));
say({ url });
