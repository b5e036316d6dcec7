import { poolsMax } from '@qwenfleet/core/fleet/router-config';
import type { QwenRouter, QwenRouterStatus } from '@qwenfleet/crds/kinds';
import { routerSelector, selectorText } from '../../../specs/labels.ts';
import { serviceUrl } from '../../../specs/router/service.ts';
import { fails, holds, type Finding } from '../../conditions.ts';
import type { Failure } from '../../qwendeployment/plan/observed.ts';
import type { ClusterRouter } from './cluster.ts';

type PoolHealth = NonNullable<QwenRouterStatus['pools']>[number]['health'];

/** What is known of a router when its status is written. */
export type ObservedRouter = {
  replicas: number;
  readyReplicas: number;
  /** Routers that say that they run on the newest configuration; undefined where they do not say. */
  programmed: number | undefined;
  /** Why its pods do not answer. */
  failure: Failure | undefined;
  /** By the pool's name. */
  health: ReadonlyMap<string, PoolHealth>;
};

export type RouterFindings = Omit<QwenRouterStatus, 'conditions'> & { conditions: Finding[] };

export type RouterStatusInput = {
  router: QwenRouter;
  found: Pick<ClusterRouter, 'plan' | 'selected' | 'nameConflict'>;
  observed: ObservedRouter;
};

/** The status of a router whose conditions have no times yet. */
export function routerStatus({ router, found, observed }: RouterStatusInput): RouterFindings {
  const { plan } = found;
  const { generation, name } = router.metadata;
  const parts = [poolsSelected(router, found), routersAvailable(router, observed), configProgrammed(found, observed)];
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    replicas: observed.replicas,
    readyReplicas: observed.readyReplicas,
    selector: selectorText(routerSelector(name)),
    url: serviceUrl(router),
    pools: (plan?.config.pools ?? []).map((pool) => ({
      name: pool.name,
      tier: pool.tier,
      health: observed.health.get(pool.name) ?? 'Unavailable',
      costPerToken: String(Number(pool.costPerToken.toPrecision(4))),
    })),
    notActedOn: plan?.notActedOn ?? [],
    conditions: [ready(router, parts), ...parts],
  };
}

function poolsSelected({ metadata }: QwenRouter, { selected, nameConflict }: RouterStatusInput['found']): Finding {
  const type = 'PoolsSelected';
  if (nameConflict) {
    const message = `a QwenDeployment is called "${metadata.name}" too, and both would need the same Service; rename one`;
    return fails(type, 'NameConflict', message);
  }
  if (selected === 0) return fails(type, 'NoPools', 'spec.pools.selector takes no QwenDeployment of this namespace');
  if (selected > poolsMax) {
    return fails(type, 'TooManyPools', `spec.pools.selector takes ${selected} pools, and ${poolsMax} are the most`);
  }
  return holds(type, 'Selected', `${selected} pools`);
}

function routersAvailable({ spec }: QwenRouter, { readyReplicas, failure }: ObservedRouter): Finding {
  const type = 'RoutersAvailable';
  if (readyReplicas > 0) return holds(type, 'Available', `${readyReplicas} of ${spec.replicas} routers answer`);
  if (failure) return fails(type, 'RouterFailed', failure.message);
  return fails(type, 'Starting', `0 of ${spec.replicas} routers answer`);
}

function configProgrammed(
  { plan }: RouterStatusInput['found'],
  { programmed, readyReplicas }: ObservedRouter,
): Finding {
  const type = 'ConfigProgrammed';
  if (!plan) return fails(type, 'NoConfiguration', 'there is nothing to tell the routers');
  const behind = readyReplicas - (programmed ?? readyReplicas);
  if (behind > 0) return fails(type, 'Stale', `${behind} of ${readyReplicas} routers run on an older configuration`);
  return holds(type, 'Programmed', 'every router runs on the newest configuration');
}

function ready({ spec }: QwenRouter, parts: readonly Finding[]): Finding {
  const failing = parts.find(({ status, type }) => status === 'False' && type !== 'ConfigProgrammed');
  if (failing) return fails('Ready', failing.reason, failing.message);
  const message = parts.find(({ type }) => type === 'RoutersAvailable')?.message ?? '';
  return spec.paused ? holds('Ready', 'Paused', `${message}; nothing is changed`) : holds('Ready', 'Serving', message);
}
