import { tiers, type Tier } from '@qwenfleet/core/fleet/tier';
import type { Example } from './data.ts';
import { pairs, type Pair } from './labels.ts';
import { apgr, apgrInterval, calibrationError, type Interval, type Judged } from './metrics.ts';

export type Scored = { example: Example; p: Record<Tier, number> };
export type SetRow = { id: string; prompts: number; own: Interval; length: number; difference: Interval };
export type FamilyRow = { family: string; prompts: number; own: number; length: number };

/** APGR per set, with intervals, beside prompt length alone. */
export function bySet(scored: readonly Scored[], seed: number): SetRow[] {
  return pairs.flatMap((pair) => {
    const { id, set, weak } = pair;
    const rows = scored.filter(({ example }) => example.set === set && example.scores[weak] !== undefined);
    if (rows.length === 0) return [];
    const lengths = rows.map(({ example }) => example.chars);
    const { own, other, difference } = apgrInterval(judge(rows, pair), lengths, seed);
    return [{ id, prompts: rows.length, own, length: other, difference }];
  });
}

const familyPromptsMin = 150;
/** Gaps below this make APGR a ratio of two noises. */
const familyGapMin = 0.02;

/** APGR within each held-out family, over the pairs of its sets; small or gapless families are left out. */
export function byFamily(scored: readonly Scored[]): FamilyRow[] {
  const families = [...new Set(scored.map(({ example }) => example.family))].sort();
  return families.flatMap((family) => {
    const own: number[] = [];
    const length: number[] = [];
    let prompts = 0;
    for (const pair of pairs) {
      const { set, weak } = pair;
      const rows = scored.filter(
        ({ example }) => example.family === family && example.set === set && example.scores[weak] !== undefined,
      );
      const judged = judge(rows, pair);
      const gap = judged.reduce((sum, row) => sum + row.strong - row.weak, 0) / rows.length;
      if (rows.length < familyPromptsMin || gap < familyGapMin) continue;
      prompts += rows.length;
      own.push(apgr(judged));
      length.push(apgr(judged.map((row, at) => ({ ...row, want: rows[at]?.example.chars ?? 0 }))));
    }
    return own.length === 0 ? [] : [{ family, prompts, own: mean(own), length: mean(length) }];
  });
}

const summaryPromptsMin = 1000;

/** The figures of the promises: mean APGR over sets large enough to say something, and how many beat length. */
export function summaryOf(rows: readonly SetRow[]): {
  apgr: number;
  sets: number;
  aboveRandom: number;
  aboveLength: number;
} {
  const counted = rows.filter(({ prompts }) => prompts >= summaryPromptsMin);
  return {
    apgr: mean(counted.map(({ own }) => own.value)),
    sets: counted.length,
    aboveRandom: counted.filter(({ own }) => own.low > 0.5).length,
    aboveLength: counted.filter(({ difference }) => difference.low > 0).length,
  };
}

/** ECE per tier over the measured prompts, each set counting alike. */
export function calibrationByTier(scored: readonly Scored[]): Record<Tier, number> {
  const measured = scored.filter(({ example }) => example.set !== 'authored');
  const sizes = new Map<string, number>();
  for (const { example } of measured) sizes.set(example.set, (sizes.get(example.set) ?? 0) + 1);
  const error = (tier: Tier): number =>
    calibrationError(
      measured.flatMap(({ example, p }) => {
        const label = example.labels[tier];
        return label === undefined ? [] : [{ p: p[tier], label, weight: 1000 / (sizes.get(example.set) ?? 1) }];
      }),
    );
  return { small: error('small'), medium: error('medium'), large: error('large') };
}

/** Where prompts go at a cost weight, per task or set: shares of small, medium and large. */
export function shares(
  scored: readonly Scored[],
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

/** Ranks prompts by how much more the strong model's tier is worth than the weak one's. */
function judge(rows: readonly Scored[], { weak, strong, tiers: [lower, upper] }: Pair): Judged[] {
  return rows.map(({ example, p }) => ({
    want: p[upper] - p[lower],
    weak: example.scores[weak] ?? 0,
    strong: example.scores[strong] ?? 0,
  }));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
