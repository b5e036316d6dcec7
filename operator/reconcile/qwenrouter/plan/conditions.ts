import { fails, holds, type Finding } from '../../conditions.ts';

export type RouterSeen = {
  wanted: number;
  ready: number;
  /** Routers that know every pool. */
  programmed: number;
  /** Pools that the selector takes. */
  pools: number;
};

/** The conditions of a QwenRouter, the roll-up first. Pure. */
export function routerFindings({ wanted, ready, programmed, pools }: RouterSeen): Finding[] {
  const selected =
    pools > 0
      ? holds('PoolsSelected', 'Selected', `${pools} QwenDeployments are its pools`)
      : fails(
          'PoolsSelected',
          'NoPools',
          'spec.pools.selector takes no QwenDeployment of this namespace; create one, or change it',
        );
  const available =
    ready >= wanted
      ? holds('WorkloadAvailable', 'Available', `${ready} of ${wanted} routers answer`)
      : fails('WorkloadAvailable', ready > 0 ? 'Degraded' : 'Starting', `${ready} of ${wanted} routers answer`);
  const current =
    ready > 0 && programmed >= ready
      ? holds('Programmed', 'Programmed', 'every router knows every pool')
      : fails(
          'Programmed',
          ready === 0 ? 'RouterUnavailable' : 'Stale',
          `${programmed} of ${ready} routers know every pool`,
        );
  return [readyOf([selected, available, current], ready), selected, available, current];
}

function readyOf(parts: readonly Finding[], ready: number): Finding {
  const failing = parts.find(({ status }) => status === 'False');
  if (failing && (ready === 0 || failing.type === 'PoolsSelected'))
    return fails('Ready', failing.reason, failing.message);
  return holds('Ready', failing ? failing.reason : 'Serving', failing ? failing.message : 'the endpoint answers');
}
