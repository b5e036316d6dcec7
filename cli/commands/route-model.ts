import { readFileSync } from 'node:fs';
import { describeError } from '@qwenfleet/core/errors';
import type { Weights } from '@qwenfleet/router/score/model';
import { parseWeights } from '@qwenfleet/router/score/file';
import { shippedWeights } from '@qwenfleet/router/score/weights';
import { Failure } from '../failure.ts';

/** A model file, or the model that is shipped when none is named. */
export function readModel(file: string | undefined): Weights {
  if (file === undefined) return shippedWeights;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Failure('usage', `${file} cannot be read: ${describeError(cause)}`, {
      remedy: 'Make one: qwenfleet route train DATA --out model.json',
      cause,
    });
  }
  return parseWeights(text, file);
}
