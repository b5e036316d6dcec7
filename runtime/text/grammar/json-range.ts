import { choice, nothing, characters, optional, repeat, sequence, text, type Expression } from './expression.ts';

/** Whole numbers up to here, and bounded ones with a fraction, are doubles for certain. */
export const integerMax = 10 ** 15 - 1;
const fractionalMax = 10 ** 9;
const fractionDigitsMax = 6;

const digit = characters([[0x30, 0x39]]);
const zeros = optional(sequence(text('.'), repeat(text('0'), 1, fractionDigitsMax)));
const anyFraction = optional(sequence(text('.'), repeat(digit, 1, fractionDigitsMax)));
/** More than nothing. */
const someFraction = sequence(
  text('.'),
  repeat(text('0'), 0, fractionDigitsMax - 1),
  characters([[0x31, 0x39]]),
  repeat(digit, 0, fractionDigitsMax - 1),
);

/** A number's bounds; `open` leaves the bound itself out. */
export type Bound = { at: number; open: boolean };

/** Whole numbers between the bounds; undefined when there are none. */
export function integersBetween(least: Bound | undefined, most: Bound | undefined): Expression | undefined {
  const from = least ? (least.open ? Math.floor(least.at) + 1 : Math.ceil(least.at)) : -integerMax;
  const to = most ? (most.open ? Math.ceil(most.at) - 1 : Math.floor(most.at)) : integerMax;
  const [low, high] = [Math.max(from, -integerMax), Math.min(to, integerMax)];
  if (low > high) return undefined;
  const negative = low < 0 ? [sequence(text('-'), digitsBetween(Math.max(1, -high), -low))] : [];
  return choice(...negative, ...(high >= 0 ? [digitsBetween(Math.max(0, low), high)] : []));
}

/** Numbers between whole bounds, with a fraction or without; undefined when there are none. */
export function numbersBetween(least: Bound | undefined, most: Bound | undefined): Expression | undefined {
  const low = least ?? { at: -fractionalMax, open: false };
  const high = most ?? { at: fractionalMax, open: false };
  if (![low, high].every(({ at }) => Number.isInteger(at) && Math.abs(at) <= fractionalMax))
    return integersBetween(least, most);
  const options = [
    ...(high.at >= 0 ? positivesBetween(low.at < 0 ? { at: 0, open: false } : low, high) : []),
    ...(low.at < 0 ? negativesBetween(low, high) : []),
  ];
  return options.length === 0 ? undefined : choice(...options);
}

/** From zero on; the bounds are whole. */
function positivesBetween(low: Bound, high: Bound): Expression[] {
  if (low.at > high.at || (low.at === high.at && (low.open || high.open))) return [];
  if (low.at === high.at) return [sequence(text(`${low.at}`), zeros)];
  const inner = low.at + 1 <= high.at - 1 ? [sequence(digitsBetween(low.at + 1, high.at - 1), anyFraction)] : [];
  const first = sequence(text(`${low.at}`), low.open ? someFraction : anyFraction);
  return [first, ...inner, ...(high.open ? [] : [sequence(text(`${high.at}`), zeros)])];
}

/** Below zero: the same, mirrored; -0 would be zero. */
function negativesBetween(low: Bound, high: Bound): Expression[] {
  const from: Bound = high.at < 0 ? { at: -high.at, open: high.open } : { at: 0, open: true };
  return positivesBetween(from, { at: -low.at, open: low.open }).map((each) => sequence(text('-'), each));
}

/** Whole numbers from 0 on, without leading zeros. */
function digitsBetween(from: number, to: number): Expression {
  const [low, high] = [`${from}`, `${to}`];
  const options: Expression[] = [];
  for (let length = low.length; length <= high.length; length += 1) {
    const first = length === low.length ? low : `1${'0'.repeat(length - 1)}`;
    const last = length === high.length ? high : '9'.repeat(length);
    options.push(sameLength(first, last));
  }
  return choice(...options);
}

function sameLength(low: string, high: string): Expression {
  if (low === '') return nothing;
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(digit, low.length, low.length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) return sequence(text(`${first}`), sameLength(lowRest, highRest));
  const inner = [];
  if (first + 1 <= last - 1)
    inner.push(sequence(between(first + 1, last - 1), repeat(digit, lowRest.length, lowRest.length)));
  return choice(
    sequence(text(`${first}`), sameLength(lowRest, '9'.repeat(lowRest.length))),
    ...inner,
    sequence(text(`${last}`), sameLength('0'.repeat(highRest.length), highRest)),
  );
}

const between = (from: number, to: number): Expression => characters([[0x30 + from, 0x30 + to]]);
