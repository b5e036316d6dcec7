import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';
import { digestOf } from '../canonical.ts';
import { homeEnv, terminationEnv } from '../home-env.ts';
import { containerSecurity } from '../security.ts';
import { cacheMount } from './cache.ts';
import { cacheDir, hubDir } from './paths.ts';
import { noWeights, type Egress, type Weights, type WeightsInput } from './weights.ts';

/** For engines that only know paths: an init container pulls, checks and links the weights to a path known before. */
export function pulledWeights(input: WeightsInput, from: { env: readonly IEnvVar[]; egress: Egress }): Weights {
  const { model } = input.spec;
  const { uri = '' } = model;
  // On a shared claim other pools link theirs beside it.
  const link = `${cacheDir}/links/${digestOf({ uri, revision: model.revision }, 16)}`;
  // vLLM tells a GGUF file by its name.
  const location = uri.endsWith('.gguf') ? `${link}.gguf` : link;
  return {
    ...noWeights,
    location,
    initContainers: [pullContainer(input, location, from.env)],
    egress: from.egress,
  };
}

/** Room for Node and a few chunks of a file; the rest goes to disk. */
const pullResources = { requests: { cpu: '500m', memory: '256Mi' }, limits: { memory: '1Gi' } };

function pullContainer({ spec, pullImage }: WeightsInput, link: string, env: readonly IEnvVar[]): IContainer {
  const { uri = '', revision, verify } = spec.model;
  return {
    name: 'pull',
    image: pullImage,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', 'runtime/pull/main.ts'],
    args: [
      '--uri',
      uri,
      '--dir',
      cacheDir,
      '--link',
      link,
      ...(revision === undefined ? [] : ['--revision', revision]),
      ...(verify?.sha256 === undefined ? [] : ['--sha256', verify.sha256]),
    ],
    env: [...homeEnv, ...terminationEnv, { name: 'HF_HOME', value: hubDir }, ...env],
    resources: pullResources,
    securityContext: containerSecurity,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [cacheMount, { name: 'tmp', mountPath: '/tmp' }],
  };
}
