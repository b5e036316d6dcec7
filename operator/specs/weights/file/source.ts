import { noWeights, unresolved, type WeightsSource } from '../weights.ts';

/** `file:///path`: a path inside the container, which somebody has to have put there. */
export const fileWeights: WeightsSource = {
  scheme: 'file',
  refusal: (_rest, { spec, hardwareClass, engine }) => {
    const byClass = hardwareClass?.spec.engines?.find(({ type }) => type === engine)?.image;
    if (spec.engine.image !== undefined || byClass !== undefined || spec.podTemplate !== undefined) return undefined;
    return unresolved(
      'NotMounted',
      'file:// is a path inside the container: name an image that has it in engine.image, or mount it with podTemplate',
    );
  },
  weights: (rest, { reading }) => ({ ...noWeights, location: reading === 'uri' ? `file://${rest}` : rest }),
};
