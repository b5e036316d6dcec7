import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import type { Example } from './data.ts';
import type { Held } from './held-out.ts';
import { hullOf, type Hull } from './hull.ts';
import type { Pair, Trio } from './labels.ts';
import { apgr, calibrationError, compare, gapCurve, interval, mean, type Interval, type Worth } from './metrics.ts';

/** How much each way of choosing wants the stronger of two models. */
export type Way = { name: string; want: (held: Held, pair: Pair) => number };
export type SetRow = {
  id: string;
  prompts: number;
  worth: Record<string, Worth>;
  /** Share of prompts for the strong model against share of the gap recovered, for plots. */
  curves: Record<string, [number, number][]>;
};
export type TaskRow = { set: string; task: string; prompts: number; own: number; length: number };

/** Names of the ways that every table has; LiteLLM's comes with it where its package is installed. */
export const ownWay = 'ours';
export const lengthWay = 'length';
export const ways: readonly Way[] = [
  { name: ownWay, want: ({ p }, { tiers: [lower, upper] }) => p[upper] - p[lower] },
  { name: 'random', want: () => 0 },
  { name: lengthWay, want: ({ example }) => example.chars },
  { name: 'n-gram', want: ({ wording }, { tiers: [lower, upper] }) => wording[upper] - wording[lower] },
  { name: 'dense', want: ({ features }, { tiers: [lower, upper] }) => features[upper] - features[lower] },
  {
    name: 'oracle',
    want: ({ example }, { weak, strong }) => (example.scores[strong] ?? 0) - (example.scores[weak] ?? 0),
  },
];

const curvePoints = 60;

/** Every pair of models of every set, each way of choosing with its interval, and its paired distance to length alone. */
export function bySet(
  held: readonly Held[],
  of: { ways: readonly Way[]; pairs: readonly Pair[]; seed: number },
): { rows: SetRow[]; pooled: Interval } {
  const rows: SetRow[] = [];
  const pooled: { prompts: number; value: number; draws: number[] }[] = [];
  for (const pair of of.pairs) {
    const chosen = rowsOf(held, pair);
    if (chosen.length === 0) continue;
    const outcomes = outcomesOf(chosen, pair);
    const wants = Object.fromEntries(of.ways.map(({ name, want }) => [name, chosen.map((row) => want(row, pair))]));
    const { worth, draws } = compare(outcomes, wants, lengthWay, of.seed);
    const curves = Object.fromEntries(
      Object.entries(wants).map(([name, want]) => [name, gapCurve(outcomes, want, curvePoints)]),
    );
    rows.push({ id: pair.id, prompts: chosen.length, worth, curves });
    const ahead = (draws[ownWay] ?? []).map((draw, at) => draw - (draws[lengthWay]?.[at] ?? Number.NaN));
    pooled.push({ prompts: chosen.length, value: worth[ownWay]?.ahead.value ?? Number.NaN, draws: ahead });
  }
  return { rows, pooled: poolOf(pooled.filter(({ prompts }) => prompts >= countedPromptsMin)) };
}

/** Smaller sets say next to nothing: a hundred prompts with a small gap leave an interval half as wide as the scale. */
export const countedPromptsMin = 1000;

/** The distance to length over several sets, each weighing by its prompts. */
function poolOf(sets: readonly { prompts: number; value: number; draws: readonly number[] }[]): Interval {
  const total = sets.reduce((sum, { prompts }) => sum + prompts, 0);
  const pool = (value: (of: (typeof sets)[number]) => number): number =>
    sets.reduce((sum, of) => sum + of.prompts * value(of), 0) / total;
  const rounds = sets[0]?.draws.length ?? 0;
  const draws = Array.from({ length: rounds }, (_, round) => pool(({ draws }) => draws[round] ?? Number.NaN));
  return interval(
    pool(({ value }) => value),
    draws,
  );
}

const taskPromptsMin = 80;
/** Gaps below this make APGR a ratio of two noises. */
const taskGapMin = 0.03;

/** APGR within each held-out task; small or gapless tasks are left out. */
export function byTask(held: readonly Held[], of: { pairs: readonly Pair[] }): TaskRow[] {
  return of.pairs.flatMap((pair) => {
    const chosen = rowsOf(held, pair);
    const tasks = [...new Set(chosen.map(({ example }) => example.task))].sort();
    return tasks.flatMap((task): TaskRow[] => {
      const inTask = chosen.filter(({ example }) => example.task === task);
      const outcomes = outcomesOf(inTask, pair);
      const gap = mean(outcomes.map(({ weak, strong }) => strong - weak));
      if (inTask.length < taskPromptsMin || gap < taskGapMin) return [];
      const [lower, upper] = pair.tiers;
      const wants = inTask.map(({ p }) => p[upper] - p[lower]);
      const length = inTask.map(({ example }) => example.chars);
      const own = apgr(outcomes, wants);
      return [{ set: pair.id, task, prompts: inTask.length, own, length: apgr(outcomes, length) }];
    });
  });
}

/** The figures of the promises: mean APGR over sets large enough to say something, and how many beat length. */
export function summaryOf(rows: readonly SetRow[]): {
  apgr: number;
  length: number;
  sets: number;
  aboveRandom: number;
  aboveLength: number;
} {
  const counted = rows.filter(({ prompts }) => prompts >= countedPromptsMin);
  const own = counted.flatMap(({ worth }) => worth[ownWay] ?? []);
  return {
    apgr: mean(own.map((of) => of.apgr.value)),
    length: mean(counted.flatMap(({ worth }) => worth[lengthWay]?.apgr.value ?? [])),
    sets: counted.length,
    aboveRandom: own.filter((of) => of.apgr.low > 0.5).length,
    aboveLength: own.filter((of) => of.ahead.low > 0).length,
  };
}

/** ECE per tier over the measured prompts, each set counting alike. */
export function calibrationByTier(
  held: readonly { example: Example; p: Record<Tier, number> }[],
): Record<Tier, number> {
  const measured = held.filter(({ example }) => example.set !== 'authored');
  const error = (tier: Tier): number => {
    const labelled = measured.filter(({ example }) => example.labels[tier] !== undefined);
    const sizes = new Map<string, number>();
    for (const { example } of labelled) sizes.set(example.set, (sizes.get(example.set) ?? 0) + 1);
    return calibrationError(
      labelled.map(({ example, p }) => ({
        p: p[tier],
        label: example.labels[tier] ?? 0,
        weight: 1000 / (sizes.get(example.set) ?? 1),
      })),
    );
  };
  return { small: error('small'), medium: error('medium'), large: error('large') };
}

/** What three pools and the router gain over the pools and their mixes; undefined where no set has three tiers. */
export function hullFor(
  held: readonly Held[],
  trio: Trio,
  of: { costs: Record<Tier, number>; seed: number },
): Hull | undefined {
  const trials = held.flatMap(({ example, p }) => {
    if (example.set !== trio.set) return [];
    const score = (tier: Tier): number | undefined => example.scores[trio.models[tier]];
    const [small, medium, large] = tiers.map(score);
    return small === undefined || medium === undefined || large === undefined
      ? []
      : [{ p, scores: { small, medium, large } }];
  });
  return trials.length === 0 ? undefined : hullOf(trials, of.costs, of.seed);
}

/** Where prompts go at a cost weight, per task or set: shares of small, medium and large. */
export function shares(
  scored: readonly { example: Example; p: Record<Tier, number> }[],
  key: (example: Example) => string,
  objective: { costWeight: number; costs: Record<Tier, number> },
): Record<string, Record<Tier, number>> {
  const counts: Record<string, Record<Tier, number>> = {};
  for (const { example, p } of scored) {
    const value = (tier: Tier): number => p[tier] - objective.costWeight * objective.costs[tier];
    const best = tiers.reduce((so, tier) => (value(tier) > value(so) ? tier : so));
    const group = (counts[key(example)] ??= { small: 0, medium: 0, large: 0 });
    group[best]++;
  }
  for (const group of Object.values(counts)) {
    const total = group.small + group.medium + group.large;
    for (const tier of tiers) group[tier] = Number((group[tier] / total).toFixed(3));
  }
  return counts;
}

const rowsOf = (held: readonly Held[], { set, weak, strong }: Pair): Held[] =>
  held.filter(
    ({ example }) => example.set === set && example.scores[weak] !== undefined && example.scores[strong] !== undefined,
  );

const outcomesOf = (held: readonly Held[], { weak, strong }: Pair): { weak: number; strong: number }[] =>
  held.map(({ example }) => ({ weak: example.scores[weak] ?? 0, strong: example.scores[strong] ?? 0 }));
