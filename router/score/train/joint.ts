import type { Tier } from '@qwenfleet/core/fleet/tier';
import { sigmoid, solve } from './logistic.ts';

/**
 * One label: a prompt's standardised features, the tier that was labelled, and what is known of its log-odds already.
 * Labels of one prompt follow each other. Groups are tasks of a file, per tier: each has an offset of its own.
 */
export type Label = {
  features: Float64Array;
  buckets: readonly number[];
  tier: Tier;
  wanted: number;
  weight: number;
  group: number;
  base: number;
};

/**
 * What a tier's log-odds are the sum of: what all tiers share, less what the small one lacks to the medium, and what the
 * large one has beyond it.
 */
export const parts = ['shared', 'below', 'above'] as const;
export type Part = (typeof parts)[number];
export const signsOf: Readonly<Record<Tier, Readonly<Record<Part, number>>>> = {
  small: { shared: 1, below: -1, above: 0 },
  medium: { shared: 1, below: 0, above: 0 },
  large: { shared: 1, below: 0, above: 1 },
};
const tierAt: Readonly<Record<Tier, number>> = { small: 0, medium: 1, large: 2 };

export type Penalties = {
  /** L2 on what tiers share and on what parts them, as a share of the total weight. */
  shared: number;
  gap: number;
  /** L2 on each group's own offset: small means that only differences within tasks teach the weights. */
  group: number;
};
export type Joint = Record<Part, Float64Array> & {
  intercepts: Record<Tier, number>;
  /** Log-odds of every label, its group's offset included. */
  logits: Float64Array;
};

const iterationsMax = 8;
/** Log-odds per unit of a feature: a smaller step changes no decision. */
const converged = 2e-3;

/**
 * Fits all tiers at once, so that the gap is learnt where two tiers answered the same prompt, and not from the
 * difference between two files. Newton's method with the groups eliminated. Deterministic.
 */
export function fitJoint(labels: readonly Label[], size: number, penalties: Penalties): Joint {
  const groups = labels.reduce((most, { group }) => Math.max(most, group + 1), 0);
  const theta = new Float64Array(parts.length * size + 3);
  const offsets = new Float64Array(groups);
  for (let iteration = 0; iteration < iterationsMax; iteration++) {
    if (newtonStep(labels, { theta, offsets }, size, penalties) < converged) break;
  }
  const row = new Row(size);
  return {
    shared: theta.slice(0, size),
    below: theta.slice(size, 2 * size),
    above: theta.slice(2 * size, 3 * size),
    intercepts: { small: theta[3 * size] ?? 0, medium: theta[3 * size + 1] ?? 0, large: theta[3 * size + 2] ?? 0 },
    logits: Float64Array.from(labels, (label) => row.read(label).dot(theta) + label.base + (offsets[label.group] ?? 0)),
  };
}

/** The columns of one label that are not zero. */
class Row {
  readonly columns: Int32Array;
  readonly values: Float64Array;
  readonly #size: number;
  count = 0;

  constructor(size: number) {
    this.#size = size;
    this.columns = new Int32Array(2 * size + 1);
    this.values = new Float64Array(2 * size + 1);
  }

  read({ features, tier }: Label): this {
    this.count = 0;
    for (const [block, part] of parts.entries()) {
      const sign = signsOf[tier][part];
      if (sign === 0) continue;
      for (let at = 0; at < this.#size; at++) this.#add(block * this.#size + at, sign * (features[at] ?? 0));
    }
    this.#add(parts.length * this.#size + tierAt[tier], 1);
    return this;
  }

  dot(theta: Float64Array): number {
    let sum = 0;
    for (let k = 0; k < this.count; k++) sum += (theta[this.columns[k] ?? 0] ?? 0) * (this.values[k] ?? 0);
    return sum;
  }

  #add(column: number, value: number): void {
    if (value === 0) return;
    this.columns[this.count] = column;
    this.values[this.count] = value;
    this.count++;
  }
}

type State = { theta: Float64Array; offsets: Float64Array };
type Sums = {
  hessian: Float64Array;
  gradient: Float64Array;
  /** Per group: its own bend and slope, and its products with every column. */
  bends: Float64Array;
  slopes: Float64Array;
  cross: Float64Array;
};

function newtonStep(labels: readonly Label[], state: State, size: number, penalties: Penalties): number {
  const width = state.theta.length;
  const total = labels.reduce((sum, { weight }) => sum + weight, 0);
  const sums = derivatives(labels, state, size);
  for (let at = 0; at < width; at++) {
    const share = at < size ? penalties.shared : at < parts.length * size ? penalties.gap : 1e-7;
    pull(sums.gradient, at, share * total * valueAt(state.theta, at));
    pull(sums.hessian, at * width + at, share * total + 1e-9);
  }
  for (let group = 0; group < state.offsets.length; group++) {
    pull(sums.slopes, group, penalties.group * total * valueAt(state.offsets, group));
    pull(sums.bends, group, penalties.group * total + 1e-9);
    eliminate(sums, group, width);
  }
  const step = solve(sums.hessian, sums.gradient, width);
  moveOffsets(state.offsets, sums, step);
  let largest = 0;
  for (let at = 0; at < width; at++) {
    pull(state.theta, at, -valueAt(step, at));
    largest = Math.max(largest, Math.abs(valueAt(step, at)));
  }
  return largest;
}

function moveOffsets(offsets: Float64Array, { slopes, bends, cross }: Sums, step: Float64Array): void {
  for (let group = 0; group < offsets.length; group++) {
    let slope = valueAt(slopes, group);
    for (let at = 0; at < step.length; at++) slope -= valueAt(cross, group * step.length + at) * valueAt(step, at);
    pull(offsets, group, -slope / valueAt(bends, group));
  }
}

const valueAt = (of: Float64Array, at: number): number => of[at] ?? 0;
function pull(of: Float64Array, at: number, by: number): void {
  of[at] = valueAt(of, at) + by;
}

function derivatives(labels: readonly Label[], { theta, offsets }: State, size: number): Sums {
  const width = theta.length;
  const sums: Sums = {
    hessian: new Float64Array(width * width),
    gradient: new Float64Array(width),
    bends: new Float64Array(offsets.length),
    slopes: new Float64Array(offsets.length),
    cross: new Float64Array(offsets.length * width),
  };
  const row = new Row(size);
  for (const label of labels) {
    const { group, weight, wanted, base } = label;
    const p = sigmoid(row.read(label).dot(theta) + base + (offsets[group] ?? 0));
    const slope = weight * (p - wanted);
    const bend = weight * Math.max(1e-5, p * (1 - p));
    addRow(sums, row, { slope, bend, crossAt: group * width, width });
    sums.bends[group] = (sums.bends[group] ?? 0) + bend;
    sums.slopes[group] = (sums.slopes[group] ?? 0) + slope;
  }
  return sums;
}

function addRow(
  { hessian, gradient, cross }: Sums,
  { columns, values, count }: Row,
  of: { slope: number; bend: number; crossAt: number; width: number },
): void {
  for (let a = 0; a < count; a++) {
    const column = columns[a] ?? 0;
    const value = values[a] ?? 0;
    const bent = of.bend * value;
    const row = column * of.width;
    gradient[column] = (gradient[column] ?? 0) + of.slope * value;
    cross[of.crossAt + column] = (cross[of.crossAt + column] ?? 0) + bent;
    for (let b = 0; b <= a; b++) {
      const cell = row + (columns[b] ?? 0);
      hessian[cell] = (hessian[cell] ?? 0) + bent * (values[b] ?? 0);
    }
  }
}

/** Takes a group's offset out of the system (its Schur complement): only the lower triangle is kept. */
function eliminate({ hessian, gradient, bends, slopes, cross }: Sums, group: number, width: number): void {
  const inverse = 1 / (bends[group] ?? 1);
  const from = group * width;
  for (let a = 0; a < width; a++) {
    const value = cross[from + a] ?? 0;
    if (value === 0) continue;
    gradient[a] = (gradient[a] ?? 0) - value * inverse * (slopes[group] ?? 0);
    for (let b = 0; b <= a; b++) {
      const cell = a * width + b;
      hessian[cell] = (hessian[cell] ?? 0) - value * inverse * (cross[from + b] ?? 0);
    }
  }
}
