import { seededRng } from '@qwenfleet/core/rng';

/** A prompt as evaluation sees it: how much the router wants the strong model, and what each model scored. */
export type Judged = { want: number; weak: number; strong: number };
export type Interval = { value: number; low: number; high: number };

const resamples = 400;

/**
 * Average performance gap recovered: quality between the weak model alone (0) and the strong one alone (1), averaged over
 * every share of prompts sent to the strong model. A random mix gets 0.5. Can leave [0, 1] where the strong model is
 * worse on some prompts. NaN when the two models do equally well.
 */
export function apgr(judged: readonly Judged[], counts?: Int32Array): number {
  return apgrInOrder(judged, orderOf(judged), counts);
}

/** APGR with its 95 % interval, and that of its difference to another way of wanting the strong model. */
export function apgrInterval(
  judged: readonly Judged[],
  other: readonly number[],
  seed: number,
): { own: Interval; other: number; difference: Interval } {
  const rival = judged.map((row, at) => ({ ...row, want: other[at] ?? 0 }));
  const order = orderOf(judged);
  const rivalOrder = orderOf(rival);
  const rng = seededRng(seed);
  const own: number[] = [];
  const differences: number[] = [];
  for (let round = 0; round < resamples; round++) {
    const counts = new Int32Array(judged.length);
    for (let draw = 0; draw < judged.length; draw++) {
      const at = Math.floor(rng() * judged.length);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    const drawn = apgrInOrder(judged, order, counts);
    own.push(drawn);
    differences.push(drawn - apgrInOrder(rival, rivalOrder, counts));
  }
  const value = apgrInOrder(judged, order);
  const rivalValue = apgrInOrder(rival, rivalOrder);
  return { own: interval(value, own), other: rivalValue, difference: interval(value - rivalValue, differences) };
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

function orderOf(judged: readonly Judged[]): Int32Array {
  const order = Int32Array.from(judged, (_, at) => at);
  return order.sort((a, b) => (judged[b]?.want ?? 0) - (judged[a]?.want ?? 0) || a - b);
}

function apgrInOrder(judged: readonly Judged[], order: Int32Array, counts?: Int32Array): number {
  const curve = { gained: 0, area: 0, total: 0 };
  let block = { want: Number.NaN, size: 0, gain: 0 };
  for (const index of order) {
    const row = judged[index];
    if (!row) continue;
    if (row.want !== block.want) {
      close(curve, block);
      block = { want: row.want, size: 0, gain: 0 };
    }
    const count = counts?.[index] ?? 1;
    block.size += count;
    block.gain += count * (row.strong - row.weak);
  }
  close(curve, block);
  return curve.gained === 0 ? Number.NaN : curve.area / curve.total / curve.gained;
}

/** Prompts that are wanted alike come in random order: the curve is straight between the block's ends. */
function close(curve: { gained: number; area: number; total: number }, block: { size: number; gain: number }): void {
  curve.area += block.size * (curve.gained + block.gain / 2);
  curve.gained += block.gain;
  curve.total += block.size;
}

function interval(value: number, samples: number[]): Interval {
  const sorted = samples.filter((sample) => !Number.isNaN(sample)).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { value, low: at(0.025), high: at(0.975) };
}
