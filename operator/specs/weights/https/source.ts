import { portOf } from '../endpoint.ts';
import { pulledWeights } from '../pull.ts';
import { never, noWeights, type WeightsSource } from '../weights.ts';

/** `https://host/path/model.gguf`: one file. */
export const httpsWeights: WeightsSource = {
  scheme: 'https',
  refusal: never,
  weights: (rest, input) => {
    const location = `https://${rest}`;
    const egress = [portOf(location) ?? 443];
    return input.reading === 'uri' ? { ...noWeights, location, egress } : pulledWeights(input, { env: [], egress });
  },
};
