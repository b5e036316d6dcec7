import { createAdaptivePolicy } from '@qwenfleet/router/policy/adaptive/policy';
import type { PoolView } from '@qwenfleet/router/policy/policy';
import { shippedWeights } from '@qwenfleet/router/score/weights';
import { changes, type Change } from './changes.ts';
import { promptPairs, type PromptPair } from './pairs.ts';

export type Flip = { kind: string; before: string; from: string; to: string };
export type ChangeRow = { name: string; flipsMax: number; prompts: number; flips: Flip[] };

/** Prompts of a hundred that went to another pool. */
export const flipsPer100 = ({ prompts, flips }: ChangeRow): number => (100 * flips.length) / prompts;

/** Every pair under every change: which prompts go to another pool than before, at the router's default objective. */
export function steadiness(pairs: readonly PromptPair[] = promptPairs()): ChangeRow[] {
  return changes.map((change) => rowOf(change, pairs));
}

function rowOf({ name, flipsMax, of }: Change, pairs: readonly PromptPair[]): ChangeRow {
  const asked = pairs.flatMap((pair) => of(pair).map((both) => ({ ...both, kind: `${pair.kind}, ${pair.level}` })));
  const flips = asked.flatMap(({ kind, before, after }): Flip[] => {
    const [from, to] = [poolFor(before), poolFor(after)];
    return from === to ? [] : [{ kind, before, from, to }];
  });
  return { name, flipsMax, prompts: asked.length, flips };
}

const policy = createAdaptivePolicy(shippedWeights);
/** The router's own defaults, and pools that cost what its examples do. */
const objective = { costWeight: 0.3, waitWeight: 0.002 };
const pools: PoolView[] = (['small', 'medium', 'large'] as const).map((tier, at) => ({
  name: tier,
  tier,
  task: 'generate',
  contextLength: 32_768,
  capabilities: { tools: false, json: false, vision: false },
  costPerToken: [0.1, 0.3, 1][at] ?? 1,
  ready: 1,
  starting: 0,
  waitMs: 0,
  pressure: 0,
  available: true,
}));

/** Where a prompt goes. */
export const poolFor = (text: string): string =>
  policy.decide(
    { messages: [{ role: 'user', text }], tools: false, json: false, promptTokens: 100, maxTokens: undefined },
    pools,
    objective,
  ).pool;
