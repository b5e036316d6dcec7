import { mergeEnv } from '../../env.ts';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';
import { egressTo, givenVariables } from '../endpoint.ts';
import { pulledWeights } from '../pull.ts';
import { fromSecret } from '../secret.ts';
import { never, noWeights, type WeightsInput, type WeightsSource } from '../weights.ts';

const endpointVariable = 'AWS_ENDPOINT_URL';
/** Read from the pool's Secret under their own names; the first two must be in it. */
const required = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
const optional = ['AWS_SESSION_TOKEN', 'AWS_REGION', endpointVariable];

/** `s3://bucket/prefix`, from AWS or from whatever speaks its protocol at `AWS_ENDPOINT_URL`. */
export const s3Weights: WeightsSource = {
  scheme: 's3',
  refusal: never,
  weights: (rest, input) => {
    const env = credentials(input);
    // A Secret may name the endpoint, and its port is not known before it is read.
    const egress = input.spec.model.secretRef ? 'any' : egressTo(endpointVariable, input);
    if (input.reading === 'uri') return { ...noWeights, location: `s3://${rest}`, env, egress };
    return pulledWeights(input, {
      env: mergeEnv(env, givenVariables([...required, ...optional], input)),
      egress,
    });
  },
};

const credentials = ({ spec: { model } }: WeightsInput): IEnvVar[] => [
  ...required.flatMap((name) => fromSecret(model.secretRef, name, name)),
  ...optional.flatMap((name) => fromSecret(model.secretRef, name, name, true)),
];
