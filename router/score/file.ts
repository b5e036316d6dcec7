import { FleetError } from '@qwenfleet/core/errors';
import { loadWeights, type Weights } from './model.ts';

/** A model file's text, checked. Throws `invalid_config` naming the file. */
export function parseWeights(text: string, file: string): Weights {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FleetError(
      'invalid_config',
      `${file} is not JSON. Make one: qwenfleet route train DATA --out model.json`,
      {
        cause,
      },
    );
  }
  return loadWeights(json, file);
}
