import { egressTo, givenVariables } from '../endpoint.ts';
import { pulledWeights } from '../pull.ts';
import { fromSecret } from '../secret.ts';
import { never, noWeights, type WeightsInput, type WeightsSource } from '../weights.ts';

const endpointVariable = 'HF_ENDPOINT';

/** `hf://owner/name`, or one file of it. Engines that know the hub pull by themselves, unless a digest must hold. */
export const hubWeights: WeightsSource = {
  scheme: 'hf',
  refusal: never,
  weights: (rest, input) => {
    const { model } = input.spec;
    const env = fromSecret(model.secretRef, 'HF_TOKEN', model.secretRef?.key ?? 'token');
    const egress = egressTo(endpointVariable, input);
    if (input.reading === 'uri') return { ...noWeights, location: `hf://${rest}`, env, egress };
    if (input.reading === 'hub' && isRepository(rest) && model.verify?.sha256 === undefined) {
      return { ...noWeights, location: rest, env, egress, ...revisionOf(input) };
    }
    return pulledWeights(input, { env: [...env, ...givenVariables([endpointVariable], input)], egress });
  },
};

const isRepository = (rest: string): boolean => rest.split('/').length === 2;

const revisionOf = ({ spec }: WeightsInput): { revision?: string } =>
  spec.model.revision === undefined ? {} : { revision: spec.model.revision };
