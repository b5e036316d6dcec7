import { readFileSync } from 'node:fs';
import { describeError, FleetError } from '@qwenfleet/core/errors';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { parseWeights } from './score/file.ts';
import type { Weights } from './score/model.ts';
import { shippedWeights } from './score/weights.ts';

/** The model that a configuration names, or the shipped one. Throws `invalid_config` when its file is none. */
export function weightsFor({ scorer }: Pick<RouterConfig, 'scorer'>): Weights {
  const file = scorer?.file;
  if (file === undefined) return shippedWeights;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FleetError('invalid_config', `scorer.file cannot be read: ${describeError(cause)}`, {
      param: 'scorer.file',
      cause,
    });
  }
  return parseWeights(text, 'scorer.file');
}
