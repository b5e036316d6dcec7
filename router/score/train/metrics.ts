import { seededRng } from '@qwenfleet/core/rng';

/** A prompt as evaluation sees it: what the weak and the strong model scored. */
export type Outcome = { weak: number; strong: number };
/** How much a way of choosing wants the strong model, per prompt. */
export type Wants = readonly number[];
export type Interval = { value: number; low: number; high: number };
/** What one way of choosing is worth: APGR, how far it is ahead of the rival, and strong calls needed for 50 and 80 %. */
export type Worth = { apgr: Interval; ahead: Interval; cpt50: number; cpt80: number };

const resamples = 400;

/**
 * Average performance gap recovered: quality between the weak model alone (0) and the strong one alone (1), averaged over
 * every share of prompts sent to the strong model. A random mix gets 0.5. Can leave [0, 1] where the strong model is
 * worse on some prompts. NaN when the two models do equally well.
 */
export function apgr(outcomes: readonly Outcome[], wants: Wants): number {
  return areaOf(outcomes, orderOf(wants));
}

/** Call-performance threshold: the least share of prompts for the strong model that recovers `share` of the gap. */
export function callsFor(share: number, outcomes: readonly Outcome[], wants: Wants): number {
  const curve = curveOf(outcomes, wants);
  const { total, gained } = curve.at(-1) ?? { total: 0, gained: 0 };
  if (gained <= 0) return Number.NaN;
  let before = { total: 0, gained: 0 };
  for (const point of curve) {
    if (point.gained >= share * gained) {
      const rise = (share * gained - before.gained) / (point.gained - before.gained || 1);
      return (before.total + rise * (point.total - before.total)) / total;
    }
    before = point;
  }
  return 1;
}

/**
 * APGR of several ways of choosing on the same prompts, with 95 % intervals by the bootstrap; `ahead` is the paired
 * difference to the way called `rival`. Every way sees the same draws, and so does every call with as many prompts.
 */
export function compare(
  outcomes: readonly Outcome[],
  ways: Readonly<Record<string, Wants>>,
  rival: string,
  seed: number,
): { worth: Record<string, Worth>; draws: Record<string, number[]> } {
  const names = Object.keys(ways);
  const orders = new Map(names.map((name) => [name, orderOf(ways[name] ?? [])]));
  const draws: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  const rng = seededRng(seed);
  for (let round = 0; round < resamples; round++) {
    const counts = new Int32Array(outcomes.length);
    for (let draw = 0; draw < outcomes.length; draw++) {
      const at = Math.floor(rng() * outcomes.length);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const [name, order] of orders) draws[name]?.push(areaOf(outcomes, order, counts));
  }
  const rivalDraws = draws[rival] ?? [];
  const rivalValue = apgr(outcomes, ways[rival] ?? []);
  const worth = names.map((name): [string, Worth] => {
    const wants = ways[name] ?? [];
    const value = apgr(outcomes, wants);
    const own = draws[name] ?? [];
    const ahead = own.map((drawn, at) => drawn - (rivalDraws[at] ?? Number.NaN));
    return [
      name,
      {
        apgr: interval(value, own),
        ahead: interval(value - rivalValue, ahead),
        cpt50: callsFor(0.5, outcomes, wants),
        cpt80: callsFor(0.8, outcomes, wants),
      },
    ];
  });
  return { worth: Object.fromEntries(worth), draws };
}

/** The curve that APGR is the area of: share of prompts for the strong model, share of the gap recovered. */
export function gapCurve(outcomes: readonly Outcome[], wants: Wants, points: number): [number, number][] {
  const curve = curveOf(outcomes, wants);
  const { total, gained } = curve.at(-1) ?? { total: 1, gained: 1 };
  const step = Math.max(1, Math.floor(curve.length / points));
  const shown = curve.filter((_, at) => at % step === 0 || at === curve.length - 1);
  return [[0, 0], ...shown.map((point): [number, number] => [point.total / total, point.gained / gained])];
}

/** Expected calibration error over ten bins of equal width. */
export function calibrationError(rows: readonly { p: number; label: number; weight?: number }[]): number {
  const bins = Array.from({ length: 10 }, () => ({ p: 0, label: 0 }));
  let total = 0;
  for (const { p, label, weight = 1 } of rows) {
    const bin = bins[Math.min(9, Math.floor(p * 10))];
    if (!bin) continue;
    bin.p += p * weight;
    bin.label += label * weight;
    total += weight;
  }
  return bins.reduce((sum, bin) => sum + Math.abs(bin.p - bin.label), 0) / Math.max(1, total);
}

/** A value with the middle 95 % of its draws. */
export function interval(value: number, draws: readonly number[]): Interval {
  const sorted = draws.filter((draw) => !Number.isNaN(draw)).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { value, low: at(0.025), high: at(0.975) };
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

type Point = { total: number; gained: number };
/** Prompts by falling want, and where each run of those that are wanted alike ends. */
type Order = { sorted: Int32Array; ends: Int32Array };

function orderOf(wants: Wants): Order {
  const sorted = Int32Array.from(wants, (_, at) => at).sort((a, b) => (wants[b] ?? 0) - (wants[a] ?? 0) || a - b);
  const ends: number[] = [];
  for (let at = 1; at <= sorted.length; at++) {
    if (at === sorted.length || wants[sorted[at] ?? 0] !== wants[sorted[at - 1] ?? 0]) ends.push(at);
  }
  return { sorted, ends: Int32Array.from(ends) };
}

/** Calls `visit` with what has been gained at the end of each run. */
function walk(
  outcomes: readonly Outcome[],
  { sorted, ends }: Order,
  counts: Int32Array | undefined,
  visit: (total: number, gained: number) => void,
): void {
  let [total, gained, from] = [0, 0, 0];
  for (const end of ends) {
    for (; from < end; from++) {
      const at = sorted[from] ?? 0;
      const outcome = outcomes[at];
      const count = counts === undefined ? 1 : (counts[at] ?? 0);
      total += count;
      if (outcome && count > 0) gained += count * (outcome.strong - outcome.weak);
    }
    visit(total, gained);
  }
}

/** Prompts of a run come in random order: the curve is straight between the run's ends. */
function areaOf(outcomes: readonly Outcome[], order: Order, counts?: Int32Array): number {
  let [sum, totalBefore, gainedBefore] = [0, 0, 0];
  walk(outcomes, order, counts, (total, gained) => {
    sum += ((total - totalBefore) * (gained + gainedBefore)) / 2;
    totalBefore = total;
    gainedBefore = gained;
  });
  return gainedBefore === 0 ? Number.NaN : sum / totalBefore / gainedBefore;
}

function curveOf(outcomes: readonly Outcome[], wants: Wants): Point[] {
  const curve: Point[] = [];
  walk(outcomes, orderOf(wants), undefined, (total, gained) => void curve.push({ total, gained }));
  return curve;
}
