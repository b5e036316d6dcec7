const pattern = /^([0-9]+)(?:\.([0-9]+))?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/;

const multipliers: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/**
 * A quantity times a whole number, in the unit that it was written in: `1.5Gi` times 3 is `4.5Gi`. Exact, because
 * digits are multiplied and not floats. Throws a RangeError for text that is not a quantity.
 */
export function multiplyQuantity(quantity: string, by: number): string {
  const [, whole = '', decimals = '', unit = ''] = matchOf(quantity);
  const digits = (BigInt(whole + decimals) * BigInt(by)).toString().padStart(decimals.length + 1, '0');
  const point = digits.length - decimals.length;
  const fraction = digits.slice(point).replace(/0+$/, '');
  return `${digits.slice(0, point)}${fraction === '' ? '' : `.${fraction}`}${unit}`;
}

/** In bytes, cores or pieces, whatever it is a quantity of. Throws a RangeError for text that is not a quantity. */
export function quantityValue(quantity: string): number {
  const [, whole = '', decimals = '0', unit = ''] = matchOf(quantity);
  return Number(`${whole}.${decimals}`) * (multipliers[unit] ?? 1);
}

function matchOf(quantity: string): RegExpExecArray {
  const match = pattern.exec(quantity);
  if (match) return match;
  throw new RangeError(`"${quantity}" is not a quantity such as 16Gi, 500m or 4`);
}
