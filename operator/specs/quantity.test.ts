import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multiplyQuantity, quantityValue } from './quantity.ts';

const anyQuantity = fc
  .tuple(
    fc.nat(9999),
    fc.option(fc.stringMatching(/^[0-9]{1,4}$/)),
    fc.constantFrom('', 'm', 'k', 'M', 'Ki', 'Mi', 'Gi'),
  )
  .map(([whole, decimals, unit]) => `${whole}${decimals === null ? '' : `.${decimals}`}${unit}`);

describe('a quantity for several devices', () => {
  it.each([
    ['4Gi', 8, '32Gi'],
    ['1.5Gi', 3, '4.5Gi'],
    ['500m', 2, '1000m'],
    ['0.1', 3, '0.3'],
    ['0.5', 2, '1'],
    ['3', 0, '0'],
    ['9007199254740993', 3, '27021597764222979'],
  ])('%s for %d is %s', (quantity, by, wanted) => {
    expect(multiplyQuantity(quantity, by)).toBe(wanted);
  });

  it('is the sum of as many, whatever it is', () => {
    fc.assert(
      fc.property(anyQuantity, fc.integer({ min: 1, max: 64 }), (quantity, by) => {
        const product = multiplyQuantity(quantity, by);
        expect(quantityValue(product)).toBeCloseTo(quantityValue(quantity) * by, 0);
        expect(product).toMatch(/^[0-9]+(\.[0-9]*[1-9])?[a-zA-Z]*$/);
      }),
    );
  });

  it.each(['', '4 Gi', '-1', '1e3', '4GB'])('is refused when it is "%s"', (text) => {
    expect(() => multiplyQuantity(text, 1)).toThrow(RangeError);
    expect(() => quantityValue(text)).toThrow(RangeError);
  });
});

describe('the value of a quantity', () => {
  it.each([
    ['500m', 0.5],
    ['1.5Ki', 1536],
    ['2k', 2000],
    ['16Gi', 16 * 2 ** 30],
  ])('%s is %d', (quantity, value) => {
    expect(quantityValue(quantity)).toBeCloseTo(value, 9);
  });
});
