import { expect, it } from 'vitest';
import { slowStart } from './slow-start.ts';

it('begins with a tenth, rises evenly over half a minute, and is whole from then on', () => {
  expect([0, 3_000, 15_000, 27_000, 30_000, Infinity].map(slowStart)).toEqual([0.1, 0.1, 0.5, 0.9, 1, 1]);
});
