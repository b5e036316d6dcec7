import { createHash } from 'node:crypto';
import { timerMs } from '@qwenfleet/core/duration';
import type { Quota } from '@qwenfleet/core/fleet/client-key';
import { routerConfigSchema, type RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { selects } from '@qwenfleet/crds/fleet-file/selector';
import type { HardwareClass, QwenRouter, Secret } from '@qwenfleet/crds/kinds';
import { routerSpecSchema } from '@qwenfleet/crds/qwenrouter/spec';
import { secretEntries } from '@qwenfleet/crds/secret';
import type { Gap } from '../substrate.ts';
import { gapsOf } from '../substrate.ts';
import { relativeCosts } from './plan/cost.ts';
import { poolConfigOf, type PlannedPool } from './plan/pools.ts';

export type RouterPlan = {
  config: RouterConfig;
  /** Names of the pools that the selector takes. */
  selected: ReadonlySet<string>;
  costSource: 'price' | 'tier';
  notActedOn: { path: string; reason: string }[];
};

export type RouterPlanInput = {
  router: QwenRouter;
  pools: readonly PlannedPool[];
  hardwareClasses: readonly HardwareClass[];
  secrets: readonly Secret[];
  /** Where it listens; the port of the spec when left out. */
  listen: { host: string; port?: number | undefined };
};

/** What a router asks for that asks for nothing. */
const plain = routerSpecSchema.parse({});

/** Fields of a QwenRouter that no router acts on yet. */
export const routerGaps: readonly Gap<QwenRouter['spec']>[] = [
  {
    path: 'spec.session.affinity',
    reason:
      'each request is judged for itself and may get another pool; Replica holds a session to one replica of each',
    applies: (spec) => spec.session.affinity === 'Pool',
  },
  {
    path: 'spec.session.ttl',
    reason: 'nothing is remembered: a session finds its replica by its name, whenever it comes',
    applies: (spec) => spec.session.affinity === 'Replica' && spec.session.ttl !== plain.session.ttl,
  },
  { path: 'spec.scenes', reason: 'scenes are not served yet', applies: (spec) => (spec.scenes ?? []).length > 0 },
];

/** From a QwenRouter and its pools to what the router process is told. */
export function planRouter({ router, pools, hardwareClasses, secrets, listen }: RouterPlanInput): RouterPlan {
  const { spec } = router;
  const taken = pools.filter(({ deployment }) => selects(spec.pools.selector, deployment));
  const priced = taken.map(({ deployment, resolved }) => ({
    name: resolved.name,
    tier: resolved.tier,
    spec: deployment.spec,
    hardwareClass: hardwareClasses.find(({ metadata }) => metadata.name === deployment.spec.hardware?.class),
  }));
  const { costs, source } = relativeCosts(priced);
  const { costWeight, largeShare, waitWeight } = spec.objective;
  const config = routerConfigSchema.parse({
    name: router.metadata.name,
    listen: { host: listen.host, port: listen.port ?? spec.listen.port },
    pools: taken.map((pool) => poolConfigOf(pool, router, secrets, costs.get(pool.resolved.name) ?? 1)),
    objective: {
      ...(costWeight === undefined ? {} : { costWeight: Number(costWeight) }),
      ...(largeShare === undefined ? {} : { largeShare: Number(largeShare) }),
      waitWeight: Number(waitWeight),
    },
    keys: clientKeys(router, secrets),
    ...(spec.session.affinity === 'Replica' ? { session: { header: spec.session.header } } : {}),
    timeouts: {
      connectMs: timerMs(spec.timeouts.connect, 1),
      firstByteMs: timerMs(spec.timeouts.firstByte, 1),
      idleMs: timerMs(spec.timeouts.idle, 1),
      totalMs: timerMs(spec.timeouts.total, 1),
    },
    retry: { attemptsMax: spec.retry.maxAttempts },
    bodyBytesMax: spec.maxBodyBytes,
    ...(spec.metrics.clients ? { metrics: { clients: true } } : {}),
    ...(spec.tracing
      ? { tracing: { endpoint: spec.tracing.endpoint, sampleRatio: Number(spec.tracing.sampleRatio) } }
      : {}),
    drain: { graceMs: timerMs(spec.drain.gracePeriod) },
  });
  return {
    config,
    selected: new Set(taken.map(({ resolved }) => resolved.name)),
    costSource: source,
    notActedOn: gapsOf(routerGaps, spec),
  };
}

/** Each entry of the named Secrets is a client and its key; only the digest of the key goes on. */
function clientKeys({ spec }: QwenRouter, secrets: readonly Secret[]): RouterConfig['keys'] {
  return (spec.keys ?? []).flatMap(({ secretRef, expires, scopes, quota }) => {
    const secret = secrets.find(({ metadata }) => metadata.name === secretRef.name);
    const entries = secret ? [...secretEntries(secret)] : [];
    return entries
      .filter(([id]) => secretRef.key === undefined || secretRef.key === id)
      .map(([id, key]) => ({
        id,
        sha256: createHash('sha256').update(key.trim()).digest('hex'),
        ...(expires === undefined ? {} : { expires }),
        ...(scopes === undefined ? {} : { scopes }),
        ...(quota === undefined ? {} : { quota: shareOf(quota, spec.replicas) }),
      }));
  });
}

/** Routers count for themselves, so each has its part; one of every kind at least, or it would answer nothing. */
function shareOf(quota: Quota, routers: number): Quota {
  const part = (most: number | undefined): number | undefined => most && Math.max(1, Math.floor(most / routers));
  const { requestsPerMinute, tokensPerMinute, concurrency } = quota;
  return {
    requestsPerMinute: part(requestsPerMinute),
    tokensPerMinute: part(tokensPerMinute),
    concurrency: part(concurrency),
  };
}
