import { isDeepStrictEqual } from 'node:util';
import { durationMs, timerMs } from '@qwenfleet/core/duration';
import { poolConfigSchema, routingDefault, type PoolConfig } from '@qwenfleet/core/fleet/router-config';
import { tierOf, type Tier } from '@qwenfleet/core/fleet/tier';
import type { QwenDeployment, QwenRouter, Secret } from '@qwenfleet/crds/kinds';
import { secretValue } from '@qwenfleet/crds/secret';
import type { RolloutStatus } from '../../../rollout/status.ts';
import type { Resolved } from '../../qwendeployment/plan/resolve.ts';
import { fallbackFrom } from './cost.ts';

export type PlannedPool = {
  deployment: QwenDeployment;
  resolved: Resolved;
  /** As its status has it; undefined where there are no revisions. */
  rollout?: RolloutStatus | undefined;
};

/** One pool as the router sees it. */
export function poolConfigOf(
  { deployment: { spec }, resolved, rollout }: PlannedPool,
  router: QwenRouter,
  secrets: readonly Secret[],
  costPerToken: number,
): PoolConfig {
  const apiKey = secretValue(secrets, spec.engine.secretRef, 'token');
  const fallbackTier = spec.coldStart.fallbackTier
    ? tierOf(spec.coldStart.fallbackTier)
    : fallbackFrom(tiersOf(router), resolved.tier);
  const adapters = resolved.adapters.map(({ name }) => name);
  const names = [resolved.servedName, ...resolved.aliases, ...adapters].filter((name) => name !== resolved.name);
  const can = (capability: Capability): boolean => canDo(capability, spec, resolved);
  return poolConfigSchema.parse({
    name: resolved.name,
    tier: resolved.tier,
    models: [...new Set(names)],
    // Left out where there are none, so that a router of before reads what an operator of after writes.
    ...(adapters.length === 0 ? {} : { adapters }),
    upstreamModel: spec.engine.upstreamModel ?? resolved.servedName,
    engine: resolved.engine.type,
    task: spec.model.task === 'Embed' ? 'embed' : 'generate',
    description: resolved.description,
    contextLength: resolved.contextLength,
    capabilities: { tools: can('Tools'), json: can('JSON'), vision: can('Vision') },
    costPerToken,
    ...objectivesOf(spec),
    ...(Object.keys(resolved.price).length === 0 ? {} : { price: resolved.price }),
    concurrency: resolved.maxConcurrency,
    ...(apiKey === undefined ? {} : { apiKey }),
    hold: {
      queueMax: spec.coldStart.maxQueued,
      timeoutMs: timerMs(spec.coldStart.holdTimeout),
      keepAliveMs: timerMs(spec.coldStart.keepAlive, 100),
    },
    saturation: { queueTimeoutMs: timerMs(spec.saturation.queueTimeout) },
    ...(fallbackTier === undefined ? {} : { fallbackTier }),
    // Like adapters: what is the default is not written.
    ...(isDeepStrictEqual(spec.routing, routingDefault) ? {} : { routing: spec.routing }),
    ...splitOf(spec, rollout),
  });
}

function objectivesOf({ slo }: Spec): Pick<PoolConfig, 'objectives'> {
  if (!slo) return {};
  const { availability, ttftP95, itlP95, window } = slo;
  const objectives = {
    ...(availability === undefined ? {} : { availability: Number(availability) }),
    ...(ttftP95 === undefined ? {} : { ttftMsP95: durationMs(ttftP95) }),
    ...(itlP95 === undefined ? {} : { itlMsP95: durationMs(itlP95) }),
    windowMs: durationMs(window),
  };
  return { objectives };
}

/** How the pool's requests are split over its revisions: what the rollout has decided and stored, nothing else. */
function splitOf(
  { rollout: { abTest } }: Spec,
  { replicas = [], updateRevision, strategy, promoted }: RolloutStatus = {},
): Pick<PoolConfig, 'weights' | 'header'> {
  // Routers know revisions by the names of pods, which are those of their workloads.
  const weights: Record<string, number> = {};
  for (const { revision, weight = 0, host = revision } of replicas) weights[host] = (weights[host] ?? 0) + weight;
  // A status of an operator that knew no weights: every replica counts alike.
  const whole = Object.values(weights).reduce((sum, weight) => sum + weight, 0) === 100;
  const tests = strategy === 'ABTest' && promoted !== true && updateRevision !== undefined;
  return {
    weights: whole ? weights : {},
    ...(tests && abTest?.header ? { header: { ...abTest.header, revision: hostIn(replicas, updateRevision) } } : {}),
  };
}

const hostIn = (replicas: NonNullable<RolloutStatus['replicas']>, revision: string): string =>
  replicas.find((each) => each.revision === revision)?.host ?? revision;

type Spec = QwenDeployment['spec'];
type Capability = NonNullable<Spec['model']['capabilities']>[number];

/** Our runtime calls tools and keeps to JSON whatever the model: it tells the one, and forces the other. */
const ownRuntimeCan: ReadonlySet<Capability> = new Set(['Tools', 'JSON']);

const canDo = (capability: Capability, { model }: Spec, { engine }: Resolved): boolean =>
  (model.capabilities?.includes(capability) ?? false) ||
  (engine.type === 'qwen' && model.task !== 'Embed' && ownRuntimeCan.has(capability));

const tiersOf = (router: QwenRouter): Tier[] =>
  (router.spec.fallback?.order ?? []).flatMap((name) => tierOf(name) ?? []);
