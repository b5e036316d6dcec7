import { isInnerPath, mountedWeights } from '../mounted.ts';
import { unresolved, type WeightsSource } from '../weights.ts';

const digest = /^sha256:[0-9a-f]{64}$/;
const reference = /^[a-z0-9][\w.-]*(:\d+)?(\/[a-z0-9][\w.-]*)*(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$/i;

/**
 * `oci://image`, or `oci://image#folder/in/it`: an image that the kubelet mounts. A revision is its tag or digest.
 * The Secret of the model is one of the registry, as `kubectl create secret docker-registry` makes it.
 */
export const imageWeights: WeightsSource = {
  scheme: 'oci',
  refusal: (rest, { spec }, { imageVolumes }) => {
    const { image, path } = partsOf(rest, spec.model.revision);
    if (!reference.test(image) || (path !== undefined && !isInnerPath(path)))
      return unresolved('InvalidAddress', `oci://${rest} is not oci://IMAGE or oci://IMAGE#FOLDER`);
    if (imageVolumes) return undefined;
    return unresolved(
      'ImageVolumesMissing',
      'this cluster does not mount images as volumes (Kubernetes 1.35 does); use pvc://, s3:// or hf://',
    );
  },
  weights: (rest, input) => {
    const { model } = input.spec;
    const { image, path } = partsOf(rest, model.revision);
    const inside = path === undefined ? { path: '' } : { path: '', subPath: path };
    return {
      ...mountedWeights(input, { image: { reference: image, pullPolicy: 'IfNotPresent' } }, inside),
      imagePullSecrets: model.secretRef ? [model.secretRef.name] : [],
    };
  },
};

function partsOf(rest: string, revision: string | undefined): { image: string; path: string | undefined } {
  const [image = '', path] = rest.split('#');
  if (revision === undefined) return { image, path };
  return { image: `${image}${digest.test(revision) ? '@' : ':'}${revision}`, path };
}
