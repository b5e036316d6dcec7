import { flipsPer100, steadiness, type ChangeRow } from '../../../routing/steadiness/measure.ts';
import type { Measurement } from '../../promise.ts';

/** Pairs of one meaning in two languages. */
export async function bilingual(): Promise<Measurement> {
  const row = steadiness().find(({ name }) => name === 'in Chinese');
  return { value: row ? 100 - flipsPer100(row) : Number.NaN };
}

/** The change of wording that moves most. */
export async function rewording(): Promise<Measurement> {
  return worst(steadiness().filter(({ name }) => name !== 'in Chinese' && !isOrder(name)));
}

/** The order to the router that moves most. */
export async function orders(): Promise<Measurement> {
  return worst(steadiness().filter(({ name }) => isOrder(name)));
}

const isOrder = (name: string): boolean => name.startsWith('order');

function worst(rows: readonly ChangeRow[]): Measurement {
  const details = rows.map((row) => `${row.name} ${flipsPer100(row)}`).join(', ');
  return { value: Math.max(...rows.map(flipsPer100)), details };
}
