import type { StrategyName } from '../types.ts';

/** What a replica serves, cut where a running engine can exchange a part. */
export type Served = {
  /** Address, revision and digest of the weights, as one text. */
  weights: string;
  /** `name=uri@revision`, one for each adapter. */
  adapters: readonly string[];
  /** Everything else that replicas are made from, as one text. */
  rest: string;
};

/**
 * What every engine that answers says it can exchange while it runs. Whether new weights have the shape of the old, an
 * engine finds out before it loads them.
 */
export type EngineAbility = { weights: boolean; adapters: boolean };

export type UpdateWay = { way: 'hot' | 'surge'; what: 'nothing' | 'adapters' | 'weights' | 'replicas'; reason: string };

export type WayInput = {
  hot: 'Auto' | 'Never';
  engine: EngineAbility;
  strategy: StrategyName;
  /** Does the workload that is named after the new revision run the old one, which came into it hot? */
  taken: boolean;
};

/** How a change reaches replicas: inside their running engines, or by new ones in their place. */
export function wayOf(from: Served, to: Served, { hot, engine, strategy, taken }: WayInput): UpdateWay {
  const what = differenceOf(from, to);
  const surge = (reason: string): UpdateWay => ({ way: 'surge', what, reason });
  if (what === 'nothing') return { way: 'hot', what, reason: 'replicas serve this already' };
  if (what === 'replicas') return surge('more than weights and adapters changed');
  if (taken) return { way: 'hot', what, reason: 'the workload of this revision runs another one' };
  if (hot === 'Never') return surge('spec.update.hot is Never');
  if (what === 'adapters') {
    return engine.adapters
      ? { way: 'hot', what, reason: 'only adapters changed' }
      : surge('the engine loads no adapters');
  }
  if (!engine.weights) return surge('the engines cannot exchange weights now');
  if (strategy !== 'Rolling') return surge(`${strategy} needs both revisions side by side`);
  return { way: 'hot', what, reason: 'only weights changed' };
}

function differenceOf(from: Served, to: Served): UpdateWay['what'] {
  if (from.rest !== to.rest) return 'replicas';
  if (from.weights !== to.weights) return 'weights';
  const same = JSON.stringify(from.adapters.toSorted()) === JSON.stringify(to.adapters.toSorted());
  return same ? 'nothing' : 'adapters';
}
