/** Rows of equal length, a wanted probability per row, and what each row weighs. */
export type Sheet = { rows: readonly (readonly number[])[]; wanted: readonly number[]; weights: readonly number[] };

const iterationsMax = 12;
const converged = 1e-6;

export const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/**
 * Logistic regression with soft labels by Newton's method. `penalties` holds one L2 weight per column, as a share of the
 * total row weight; the penalty pulls towards `centre`, which is 0 unless given. Deterministic.
 */
export function fitLogistic(sheet: Sheet, penalties: readonly number[], centre?: readonly number[]): number[] {
  const size = penalties.length;
  const total = sheet.weights.reduce((sum, weight) => sum + weight, 0);
  const coefficients = Array.from({ length: size }, (_, at) => centre?.[at] ?? 0);
  for (let iteration = 0; iteration < iterationsMax; iteration++) {
    const { gradient, hessian } = derivatives(sheet, coefficients);
    for (let at = 0; at < size; at++) {
      const pull = (penalties[at] ?? 0) * total;
      gradient[at] = (gradient[at] ?? 0) + pull * ((coefficients[at] ?? 0) - (centre?.[at] ?? 0));
      hessian[at * size + at] = (hessian[at * size + at] ?? 0) + pull + 1e-9;
    }
    const step = solve(hessian, gradient, size);
    let largest = 0;
    for (let at = 0; at < size; at++) {
      coefficients[at] = (coefficients[at] ?? 0) - (step[at] ?? 0);
      largest = Math.max(largest, Math.abs(step[at] ?? 0));
    }
    if (largest < converged) break;
  }
  return coefficients;
}

export function dot(row: ArrayLike<number>, coefficients: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < row.length; at++) sum += (row[at] ?? 0) * (coefficients[at] ?? 0);
  return sum;
}

function derivatives(sheet: Sheet, coefficients: readonly number[]): { gradient: Float64Array; hessian: Float64Array } {
  const size = coefficients.length;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  const used = new Int32Array(size);
  for (let at = 0; at < sheet.rows.length; at++) {
    const row = sheet.rows[at] ?? [];
    const weight = sheet.weights[at] ?? 0;
    const p = sigmoid(dot(row, coefficients));
    const slope = weight * (p - (sheet.wanted[at] ?? 0));
    const bend = weight * Math.max(1e-6, p * (1 - p));
    let count = 0;
    for (let column = 0; column < size; column++) if (row[column] !== 0) used[count++] = column;
    for (let a = 0; a < count; a++) {
      const column = used[a] ?? 0;
      const value = row[column] ?? 0;
      gradient[column] = (gradient[column] ?? 0) + slope * value;
      addProducts(hessian, row, { used, until: a, offset: column * size, factor: bend * value });
    }
  }
  mirror(hessian, size);
  return { gradient, hessian };
}

type Products = { used: Int32Array; until: number; offset: number; factor: number };
function addProducts(hessian: Float64Array, row: readonly number[], { used, until, offset, factor }: Products): void {
  for (let b = 0; b <= until; b++) {
    const other = used[b] ?? 0;
    hessian[offset + other] = (hessian[offset + other] ?? 0) + factor * (row[other] ?? 0);
  }
}

function mirror(matrix: Float64Array, size: number): void {
  for (let a = 0; a < size; a++) for (let b = 0; b < a; b++) matrix[b * size + a] = matrix[a * size + b] ?? 0;
}

/** Solves a symmetric positive definite system by Cholesky; `matrix` is overwritten. */
export function solve(matrix: Float64Array, right: Float64Array, size: number): Float64Array {
  factorise(matrix, size);
  const cell = (a: number, b: number): number => matrix[a * size + b] ?? 0;
  const result = Float64Array.from(right);
  const divide = (row: number, from: number, until: number, at: (row: number, k: number) => number): void => {
    let sum = result[row] ?? 0;
    for (let k = from; k < until; k++) sum -= at(row, k) * (result[k] ?? 0);
    result[row] = sum / cell(row, row);
  };
  for (let row = 0; row < size; row++) divide(row, 0, row, cell);
  for (let row = size - 1; row >= 0; row--) divide(row, row + 1, size, (of, k) => cell(k, of));
  return result;
}

function factorise(matrix: Float64Array, size: number): void {
  const cell = (a: number, b: number): number => matrix[a * size + b] ?? 0;
  for (let column = 0; column < size; column++) {
    for (let row = column; row < size; row++) {
      let sum = cell(row, column);
      for (let k = 0; k < column; k++) sum -= cell(row, k) * cell(column, k);
      matrix[row * size + column] = row === column ? Math.sqrt(Math.max(sum, 1e-12)) : sum / cell(column, column);
    }
  }
}
