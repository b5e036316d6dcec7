import { read, type Reading } from '../../score/conversation.ts';
import { scoreSeen, type Contribution, type Score, type Weights } from '../../score/model.ts';
import type { Objective, PoolDecision, PoolPolicy, PoolVerdict, PoolView, ScoredRequest, Weighing } from '../policy.ts';
import { atOnce, best, confidenceOf, largePrice, middle, type Candidate } from './choose.ts';
import { noPoolError, obstacle, type Obstacle } from './eligible.ts';
import { sentence, type Reason } from './words.ts';

/** Contributions smaller than this are left out of an explanation. */
const contributionMin = 0.01;

/**
 * Chooses the pool whose p(correct | prompt) is worth its cost and its wait. Pure.
 * @example createAdaptivePolicy(shippedWeights).decide(request, pools, { costWeight: 0.3, waitWeight: 0.002 })
 */
export function createAdaptivePolicy(weights: Weights): PoolPolicy {
  return { name: 'adaptive', decide: (request, pools, objective) => decide(weights, request, pools, objective) };
}

type Judged = { pool: PoolView; p: number; obstacle: Obstacle | undefined };

function decide(
  weights: Weights,
  request: ScoredRequest,
  pools: readonly PoolView[],
  objective: Objective,
): PoolDecision {
  const reading = read(request.messages);
  const score = scoreSeen(weights, reading.seen);
  const judged = pools.map((pool) => ({ pool, p: score.p[pool.tier], obstacle: obstacle(pool, request) }));
  const candidates: Candidate[] = judged.filter((pool) => pool.obstacle === undefined);
  const idle = atOnce(candidates);
  const tiers = new Set(judged.filter(isThere).map(({ pool }) => pool.tier === 'large'));
  const price = tiers.size === 2 ? priceOf(idle, reading) : undefined;
  const weighing = { ...objective, costWeight: objective.steer?.(price) ?? objective.costWeight };
  const { chosen, reason } = choose(candidates, reading, weighing) ?? fail(judged, request);
  const others = candidates.filter(({ pool }) => pool !== chosen.pool);
  return {
    pool: chosen.pool.name,
    reason,
    words: sentence(reason, chosen, others, {
      reading,
      contributions: score.contributions,
      excluded: judged.flatMap((of) => (of.obstacle ? [{ name: of.pool.name, why: of.obstacle.why }] : [])),
    }),
    confidence: reason === 'no-signal' ? 0 : round(confidenceOf(chosen, others, weighing)),
    pools: judged.map(verdict),
    features: featuresFor(score, reading),
    costWeight: round(weighing.costWeight),
    ...(price === undefined ? {} : { largeChoice: { price, large: isLarge(pick(idle, reading, weighing)) } }),
  };
}

/** Could it answer this kind of request, had it the room for this one? */
const isThere = ({ obstacle: found }: Judged): boolean => found?.kind !== 'task' && found?.kind !== 'availability';

/** A prompt that says nothing goes to the middle at any price. */
function priceOf(idle: readonly Candidate[], reading: Reading): number {
  if (reading.signal) return largePrice(idle);
  return isLarge(middle(idle, atAnyPrice)) ? Infinity : -Infinity;
}
const atAnyPrice: Weighing = { costWeight: 0, waitWeight: 0 };

const isLarge = (candidate: Candidate | undefined): boolean => candidate?.pool.tier === 'large';
const pick = (candidates: readonly Candidate[], { signal }: Reading, weighing: Weighing): Candidate | undefined =>
  signal ? best(candidates, weighing) : middle(candidates, weighing);

function choose(
  candidates: readonly Candidate[],
  reading: Reading,
  weighing: Weighing,
): { chosen: Candidate; reason: Reason } | undefined {
  const chosen = pick(candidates, reading, weighing);
  if (!chosen) return undefined;
  if (candidates.length === 1) return { chosen, reason: 'only-eligible' };
  const suited = pick(atOnce(candidates), reading, weighing);
  if (suited && suited.pool.name !== chosen.pool.name) return { chosen, reason: 'wait' };
  if (!reading.signal) return { chosen, reason: 'no-signal' };
  const costs = candidates.map(({ pool }) => pool.costPerToken);
  if (chosen.pool.costPerToken === Math.min(...costs)) return { chosen, reason: 'easy' };
  return { chosen, reason: chosen.pool.costPerToken === Math.max(...costs) ? 'hard' : 'balanced' };
}

function fail(judged: readonly Judged[], request: ScoredRequest): never {
  throw noPoolError(
    judged.flatMap((of) => (of.obstacle ? [of.obstacle] : [])),
    request,
  );
}

function verdict({ pool, p, obstacle: found }: Judged): PoolVerdict {
  const base = { name: pool.name, p: round(p), cost: pool.costPerToken, waitMs: pool.waitMs };
  return found === undefined ? { ...base, eligible: true } : { ...base, eligible: false, why: found.why };
}

/** Strongest first: what each feature adds to the log-odds that the small tier is right. Positive means easier. */
function featuresFor({ contributions }: Score, { signal }: Reading): Record<string, number> {
  if (!signal) return {};
  const strength = ({ small }: Contribution): number => Math.abs(small);
  const told = contributions
    .filter((of) => strength(of) >= contributionMin)
    .toSorted((a, b) => strength(b) - strength(a));
  return Object.fromEntries(told.map(({ name, small }) => [name, round(small)]));
}

const round = (value: number): number => Number(value.toFixed(3));
